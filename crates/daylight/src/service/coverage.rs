//! What a tenant's connections let Daylight see: which rules can work, and which kinds of app nobody would tell of. Pure: it follows from the
//! configuration, from what each list tells (`ingest`) and from what each rule needs (`detection`).

use detection::RULES;
use event::{Fact, Source};
use ingest::{ConnectionConfig, ConnectionError, Told, silent_after_hours, told_by};
use serde::{Deserialize, Serialize};

/// One way into a connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct WayLine {
    /// `poll`, `hub` or `http`.
    pub(crate) by: String,
    /// The list that is fetched; empty where nothing is.
    pub(crate) feed: String,
    /// What it can tell: names of `event::Fact`.
    pub(crate) tells: Vec<String>,
    /// What it leaves out; empty where there is nothing to say.
    pub(crate) leaves_out: String,
    /// Does somebody else decide what comes?
    pub(crate) is_as_sent: bool,
}

/// One connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct ConnectionLine {
    /// Its name.
    pub(crate) id: String,
    /// Our tenant.
    pub(crate) tenant: String,
    /// Whose format it speaks.
    pub(crate) provider: String,
    /// The provider's name for the tenant.
    pub(crate) provider_tenant: String,
    /// After how many hours without an event it is called silent; 0 for never.
    pub(crate) silent_after_hours: u32,
    /// Its ways in.
    pub(crate) ways: Vec<WayLine>,
}

/// Can a rule work?
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Works {
    /// Some list that we fetch tells what it needs.
    Yes,
    /// What it needs comes only if somebody else sends it.
    AsSent,
    /// No source tells what it needs.
    No,
}

/// One rule, for one tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct RuleLine {
    /// Its id.
    pub(crate) id: String,
    /// What it tells.
    pub(crate) title: String,
    /// Can it work?
    pub(crate) works: Works,
    /// Why not, or on what it depends; empty where it works.
    pub(crate) why: String,
}

/// What one tenant's connections let us see.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct TenantCoverage {
    /// The tenant.
    pub(crate) tenant: String,
    /// Every rule.
    pub(crate) rules: Vec<RuleLine>,
    /// Kinds of app use that no connection would tell of, a sentence each.
    pub(crate) unseen: Vec<String>,
}

/// What all connections let us see.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Coverage {
    /// In the order of the configuration.
    pub(crate) connections: Vec<ConnectionLine>,
    /// By name.
    pub(crate) tenants: Vec<TenantCoverage>,
}

/// A connection with its ways.
type Known<'a> = (&'a ConnectionConfig, Vec<Told>);

/// Where apps are let in: the providers any of which tells of it, and what is let in there.
const ECOSYSTEMS: &[(&[Source], &str)] = &[
    (&[Source::GoogleWorkspace], "apps that people connect to their Google accounts"),
    (&[Source::Entra, Source::M365Ual], "apps that people let into Microsoft 365"),
    (&[Source::Slack], "apps that are installed in Slack"),
    (&[Source::Github], "apps that are let into GitHub"),
    (&[Source::Salesforce], "apps that are connected to Salesforce"),
    (&[Source::Dropbox], "apps that are linked to Dropbox"),
];

/// What passes every identity provider by, whichever it is.
const OUTSIDE: &[&str] = &[
    "accounts that people make with a password and their work address",
    "personal accounts, also for work",
    "what is used in the browser without an account",
    "what is bought: invoices, cards, expenses",
];

/// Works it out.
///
/// # Errors
/// `ConnectionError` where a connection's `poll` or mapping cannot be used.
pub(crate) fn coverage_of(configs: &[ConnectionConfig]) -> Result<Coverage, ConnectionError> {
    let known = configs.iter().map(|config| Ok((config, told_by(config)?)));
    let known = known.collect::<Result<Vec<Known<'_>>, ConnectionError>>()?;
    let mut names: Vec<&str> = configs.iter().map(|config| config.tenant.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let tenants = names.into_iter().map(|tenant| {
        let own: Vec<&Known<'_>> = known.iter().filter(|(config, _)| config.tenant == tenant).collect();
        TenantCoverage { tenant: tenant.to_owned(), rules: rules(tenant, &own), unseen: unseen(&own) }
    });
    Ok(Coverage { tenants: tenants.collect(), connections: known.iter().map(line).collect() })
}

fn line((config, told): &Known<'_>) -> ConnectionLine {
    let way = |way: &Told| WayLine {
        by: way.by.to_owned(),
        feed: way.feed.to_owned(),
        tells: way.facts.iter().map(|fact| fact.as_str().to_owned()).collect(),
        leaves_out: way.leaves_out.to_owned(),
        is_as_sent: way.is_as_sent,
    };
    ConnectionLine {
        id: config.id.clone(),
        tenant: config.tenant.clone(),
        provider: config.provider.as_str().to_owned(),
        provider_tenant: config.provider_tenant.clone(),
        silent_after_hours: silent_after_hours(config),
        ways: told.iter().map(way).collect(),
    }
}

fn rules(tenant: &str, own: &[&Known<'_>]) -> Vec<RuleLine> {
    let judged = RULES.iter().map(|rule| {
        let (works, why) = judge(tenant, rule.needs, own);
        RuleLine { id: rule.id.to_owned(), title: rule.title.to_owned(), works, why }
    });
    judged.collect()
}

fn judge(tenant: &str, needs: &[Fact], own: &[&Known<'_>]) -> (Works, String) {
    let ways = || own.iter().flat_map(|(config, told)| told.iter().map(move |way| (config, way)));
    let mut telling = ways().filter(|(_, way)| way.facts.iter().any(|fact| needs.contains(fact))).peekable();
    if telling.peek().is_none() {
        let words: Vec<&str> = needs.iter().map(|fact| fact.words()).collect();
        return (Works::No, format!("no connection of {tenant} tells {}", words.join(" or ")));
    }
    let mut depends = Vec::new();
    for (config, way) in telling {
        if !way.is_as_sent {
            return (Works::Yes, String::new());
        }
        depends.push(format!("{} ({}: {})", config.id, way.by, way.leaves_out));
    }
    (Works::AsSent, format!("it depends on what is sent to {}", depends.join(", ")))
}

fn unseen(own: &[&Known<'_>]) -> Vec<String> {
    let tells = |fact: Fact| own.iter().any(|(_, told)| told.iter().any(|way| way.facts.contains(&fact)));
    let is_of = |sources: &[Source]| own.iter().any(|(config, _)| sources.contains(&config.provider));
    let mut sentences = Vec::new();
    if !tells(Fact::SignOn) {
        sentences.push("which apps people sign in to: no connection tells sign-ons".to_owned());
    }
    if !tells(Fact::TokenUse) {
        sentences.push("apps that go on using what they were granted while nobody signs in".to_owned());
    }
    for (sources, what) in ECOSYSTEMS.iter().filter(|(sources, _)| !is_of(sources)) {
        let names: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
        sentences.push(format!("{what}: no connection of {}", names.join(" or ")));
    }
    let mapped: Vec<&str> = own
        .iter()
        .filter(|(config, _)| config.provider == Source::Mapped)
        .map(|(config, _)| config.id.as_str())
        .collect();
    for what in OUTSIDE {
        sentences.push(match mapped.is_empty() {
            true => (*what).to_owned(),
            false => format!("{what}: only what {} reports of it", mapped.join(", ")),
        });
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(text: &str) -> Coverage {
        #[derive(Deserialize)]
        struct Config {
            connections: Vec<ConnectionConfig>,
        }
        coverage_of(&serde_json::from_str::<Config>(&format!("{{\"connections\":[{text}]}}")).unwrap().connections)
            .unwrap()
    }

    fn connection(id: &str, tenant: &str, provider: &str, rest: &str) -> String {
        format!(
            r#"{{"id":"{id}","tenant":"{tenant}","provider":"{provider}","provider_tenant":"acme.okta.com",{rest}}}"#
        )
    }

    const DOOR: &str = r#""secret":{"env":"S"}"#;
    const OKTA: &str = r#""poll":{"api":"okta","token":{"env":"T"}}"#;
    const GRAPH: &str = r#""poll":{"api":"graph","client_id":"x","client_secret":{"env":"S"}}"#;

    fn which(coverage: &Coverage, tenant: &str, works: Works) -> Vec<String> {
        let tenant = coverage.tenants.iter().find(|one| one.tenant == tenant).unwrap();
        tenant.rules.iter().filter(|rule| rule.works == works).map(|rule| rule.id.clone()).collect()
    }

    #[test]
    fn a_rule_works_depends_or_cannot_work_by_what_the_tenants_own_connections_tell() {
        let all = [
            connection("log", "acme", "okta", OKTA),
            connection("hook", "hooked", "okta", DOOR),
            connection("entra", "umbrella", "entra", GRAPH),
            connection("one", "beta", "onelogin", DOOR),
        ];
        let coverage = coverage(&all.join(","));
        assert_eq!(
            which(&coverage, "acme", Works::No),
            ["R1", "R2"],
            "Okta's apps have an administrator's names and own ids"
        );
        assert_eq!(which(&coverage, "hooked", Works::Yes), [""; 0]);
        assert_eq!(which(&coverage, "hooked", Works::No), ["R1", "R2"]);
        assert_eq!(which(&coverage, "umbrella", Works::No), [""; 0]);
        assert_eq!(which(&coverage, "beta", Works::No), ["C1", "C2", "C4", "R1", "R2"]);
        let beta = coverage.tenants.iter().find(|one| one.tenant == "beta").unwrap();
        let c1 = beta.rules.iter().find(|rule| rule.id == "C1").unwrap();
        assert_eq!(c1.why, "no connection of beta tells the scopes of grants");
        let hooked = coverage.tenants.iter().find(|one| one.tenant == "hooked").unwrap();
        assert!(hooked.rules[0].why.contains("hook (http: an event hook tells no consent"), "{}", hooked.rules[0].why);
    }

    #[test]
    fn what_nobody_would_tell_of_is_said() {
        let seen =
            coverage(&[connection("log", "acme", "okta", OKTA), connection("entra", "acme", "entra", GRAPH)].join(","));
        let unseen = &seen.tenants[0].unseen;
        let says = |word: &str| unseen.iter().any(|sentence| sentence.contains(word));
        for word in ["Google", "Slack", "GitHub", "password", "personal", "browser", "bought"] {
            assert!(says(word), "{word}: {unseen:?}");
        }
        assert!(!says("Microsoft") && !says("sign in to") && !says("go on using"), "{unseen:?}");
        let only_graph = coverage(&connection("entra", "acme", "entra", GRAPH));
        assert!(only_graph.tenants[0].unseen.iter().any(|sentence| sentence.contains("go on using")));
    }
}
