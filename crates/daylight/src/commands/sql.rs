//! `sql "SELECT …"`: one question to the ClickHouse of a running Daylight, read only.

use anyhow::{Context, bail};

use crate::{cli::SqlArgs, commands::say, data_folder::DataFolder};

pub(crate) async fn run(args: SqlArgs) -> anyhow::Result<()> {
    let answer = ask(&args.admin.data_folder, "/v1/sql", args.query).await?;
    say(answer.trim_end());
    Ok(())
}

/// Asks the admin API of the process that owns a data folder.
pub(crate) async fn ask(data_folder: &std::path::Path, path: &str, body: String) -> anyhow::Result<String> {
    if !data_folder.is_dir() {
        bail!(
            "there is no data folder {}; name the one of the running Daylight with --data-folder",
            data_folder.display()
        );
    }
    let folder = DataFolder::open(data_folder)?;
    let endpoints = folder.read_endpoints()?;
    let is_json = body.starts_with('{');
    let response = reqwest::Client::new()
        .post(format!("{}{path}", endpoints.admin))
        .header("authorization", format!("Bearer {}", folder.admin_token()?.expose()))
        .header("content-type", if is_json { "application/json" } else { "text/plain" })
        .body(body)
        .send()
        .await
        .with_context(|| format!("no Daylight answers at {}; does it still run?", endpoints.admin))?;
    let is_success = response.status().is_success();
    let text = response.text().await?;
    if !is_success {
        bail!("{}", text.trim_end());
    }
    Ok(text)
}
