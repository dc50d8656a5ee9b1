//! `reload`: the running process reads its catalogue and directories again, all or none.

use anyhow::Context;

use crate::{
    cli::ReloadArgs,
    commands::{plain, say, sql::ask},
    service::Reloaded,
};

pub(crate) async fn run(args: ReloadArgs) -> anyhow::Result<()> {
    let answer = ask(&args.admin.data_folder, "/v1/reload", "{}".to_owned()).await?;
    let Reloaded { catalogue, directories } = serde_json::from_str(&answer).context("the answer cannot be read")?;
    if catalogue.is_none() && directories.is_empty() {
        say(
            "no file of apps ([catalogue] apps_file) and no directory ([[tenants]] directory) is configured; there was nothing to read",
        );
    }
    if let Some(catalogue) = catalogue {
        let change = change(&catalogue.previous, &catalogue.version);
        say(&plain(&format!("catalogue: {}, {} apps of its own, {change}", catalogue.file, catalogue.apps)));
    }
    for directory in directories {
        let change = change(&directory.previous, &directory.version);
        say(&plain(&format!("{}: {}, {} people, {change}", directory.tenant, directory.file, directory.people)));
    }
    Ok(())
}

fn change(previous: &str, version: &str) -> String {
    if previous == version {
        format!("unchanged, version {version}")
    } else {
        format!("version {version} from the next event on, was {previous}")
    }
}
