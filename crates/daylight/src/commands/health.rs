//! `health`: is a running process ready? What a container's health check runs, where there is no shell and no `curl`.
//!
//! It asks `/readyz` of the process that owns the data folder, so it needs neither the configuration nor a port that somebody repeats.

use std::time::Duration;

use anyhow::{Context, bail};

use crate::{cli::HealthArgs, commands::say, data_folder::DataFolder};

/// An answer that takes longer is none. Below the three seconds or more that container engines allow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: HealthArgs) -> anyhow::Result<()> {
    let url = match args.url {
        Some(url) => url,
        None => address(&args.admin.data_folder)?,
    };
    let client = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).build()?;
    let asked = client.get(format!("{}/readyz", url.trim_end_matches('/'))).send().await;
    let response = asked.with_context(|| format!("no Daylight answers at {url}"))?;
    let is_ready = response.status().is_success();
    let text = response.text().await.with_context(|| format!("{url} did not end its answer"))?;
    if !is_ready {
        bail!("not ready: {}", text.trim_end().replace('\n', "; "));
    }
    say(text.trim_end());
    Ok(())
}

/// Where the process of a data folder listens. The folder is not made: asking changes nothing.
fn address(data_folder: &std::path::Path) -> anyhow::Result<String> {
    if !data_folder.is_dir() {
        bail!(
            "there is no data folder {}; name the one of the running Daylight with --data-folder",
            data_folder.display()
        );
    }
    Ok(DataFolder::open(data_folder)?.read_endpoints()?.admin)
}
