//! `init`: a configuration to start from.
//!
//! Nobody can guess which company an identity provider's events belong to: a payload that names another is refused. So a newcomer names it
//! here once, and gets the rest: a file with what was chosen, secrets made by us, and the lines to type next.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, bail};
use runtime::SecretSource;

use crate::{cli::InitArgs, commands::say, data_folder::DataFolder, service};

/// Where `run` listens for events when nothing else is said.
const INGEST: &str = "http://127.0.0.1:8480";

/// One connection to write.
struct Feed<'a> {
    id: &'static str,
    provider_tenant: &'a str,
    /// What to do at the provider.
    next: &'static str,
}

pub(crate) fn run(args: &InitArgs) -> anyhow::Result<()> {
    let feeds = feeds(args)?;
    if args.config.exists() {
        bail!("{} is there already, and is left alone; name another file with --config", args.config.display());
    }
    let folder = DataFolder::open(&args.data_folder)?;
    let mut text = head(args)?;
    let mut secrets = Vec::new();
    for feed in &feeds {
        let secret = folder.made_secret(feed.id)?;
        text.push_str(&connection(feed, &args.tenant, &secret)?);
        secrets.push(secret);
    }
    let created = fs::OpenOptions::new().write(true).create_new(true).open(&args.config);
    let written = created.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", args.config.display()))?;
    say(&format!("{} is written. Now:", args.config.display()));
    let is_beside = args.config == Path::new("daylight.toml");
    say(&format!(
        "  daylight run{}",
        if is_beside { String::new() } else { format!(" --config {}", args.config.display()) }
    ));
    for (feed, secret) in feeds.iter().zip(secrets) {
        say(&format!("\n{} of {}: its secret is in {}", feed.id, feed.provider_tenant, secret.display()));
        say(&format!("  {}", feed.next));
        say("  or send what it exports (`page.json`) by hand:");
        say(&format!("  {}", service::example(INGEST, feed.id, &SecretSource::File(secret))));
    }
    Ok(())
}

fn feeds(args: &InitArgs) -> anyhow::Result<Vec<Feed<'_>>> {
    let okta = args.okta.as_deref().map(|host| Feed {
        id: "okta",
        provider_tenant: host.trim_start_matches("https://").trim_end_matches('/'),
        next: "in the Okta admin console: Workflow > Event Hooks, to https://YOUR-HOST/v1/okta/okta, authentication field `Authorization`",
    });
    let entra = args.entra.as_deref().map(|id| Feed {
        id: "entra",
        provider_tenant: id,
        next: "in the Entra admin center: Diagnostic settings, SignInLogs and AuditLogs, on their way to https://YOUR-HOST/v1/events/entra",
    });
    let feeds: Vec<Feed<'_>> = okta.into_iter().chain(entra).collect();
    if feeds.is_empty() {
        bail!(
            "name your identity provider: --okta acme.okta.com, --entra TENANT-ID, or both (Entra admin center > Overview shows the id)"
        );
    }
    let is_plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if let Some(odd) =
        feeds.iter().map(|feed| feed.provider_tenant).chain([args.tenant.as_str()]).find(|text| !is_plain(text))
    {
        bail!("{odd:?} should be letters, digits, '-', '_' or '.': a host as acme.okta.com, an id, a name");
    }
    Ok(feeds)
}

fn head(args: &InitArgs) -> anyhow::Result<String> {
    Ok(format!(
        r#"# Daylight. Every key that is not here has its default; `daylight check-config --config FILE` says what is wrong with one.

# The log, the tables, keys and secrets of this machine.
data_folder = {data}

# Who works where: CSV with email,department,valid_from,valid_to. `daylight reload` reads it again.
#[[tenants]]
#id = "{tenant}"
#directory = "directory.csv"

# Who is told: a signed webhook, Slack, or Alertmanager.
#[[receivers]]
#id = "oncall"
#kind = "slack"
#url = "https://hooks.slack.com/services/…"
#severity_min = "medium"
"#,
        data = quoted(&args.data_folder)?,
        tenant = args.tenant,
    ))
}

fn connection(feed: &Feed<'_>, tenant: &str, secret: &Path) -> anyhow::Result<String> {
    let Feed { id, provider_tenant, .. } = feed;
    let secret = quoted(secret)?;
    Ok(format!(
        r#"
[[connections]]
id = "{id}"
tenant = "{tenant}"
provider = "{id}"
provider_tenant = "{provider_tenant}"
secret = {{ file = {secret} }}
"#
    ))
}

/// A path as TOML writes a text (JSON's escapes are TOML's).
fn quoted(path: &Path) -> anyhow::Result<String> {
    let text =
        path.to_str().with_context(|| format!("{} is no UTF-8, which a configuration must be", path.display()))?;
    Ok(serde_json::to_string(text)?)
}
