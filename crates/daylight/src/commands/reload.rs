//! `reload`: the running process reads its directories again, all or none.

use anyhow::Context;

use crate::{
    cli::ReloadArgs,
    commands::{plain, say, sql::ask},
    service::ReloadedLine,
};

pub(crate) async fn run(args: ReloadArgs) -> anyhow::Result<()> {
    let answer = ask(&args.admin.data_folder, "/v1/reload", "{}".to_owned()).await?;
    let lines: Vec<ReloadedLine> = serde_json::from_str(&answer).context("the answer cannot be read")?;
    if lines.is_empty() {
        say("no tenant has a directory ([[tenants]] directory); there was nothing to read");
    }
    for ReloadedLine { tenant, file, people, previous, version } in lines {
        let change = if previous == version {
            format!("unchanged, version {version}")
        } else {
            format!("version {version} from the next event on, was {previous}")
        };
        say(&plain(&format!("{tenant}: {file}, {people} people, {change}")));
    }
    Ok(())
}
