//! Under another key everybody would be new: the log knows the fingerprint of each tenant's key, and another one halts.

use std::{fs, process::Command};

use anyhow::{Context as _, ensure};
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    servers::{Setup, binary},
};

use crate::shell::run;

#[test]
fn a_log_that_was_written_under_another_tenant_key_is_not_gone_on_with() -> anyhow::Result<()> {
    let daylight = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).start()?;
    let used = click(1, "mia.roth@brightwater.example", "0oaZigzag", "Zigzag Boards");
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    ensure!(daylight.stop()? == 0);
    let key = daylight.data().join("tenants/acme.key");
    let first = fs::read_to_string(&key).context("the made key")?;
    // Lost: the next start would make another. Or mistaken for another's.
    for other in [None, Some("ab".repeat(32))] {
        match &other {
            None => fs::remove_file(&key)?,
            Some(other) => fs::write(&key, other)?,
        }
        let mut command = Command::new(binary()?);
        let said = run(command.args(["run", "--config"]).arg(daylight.config()))?;
        let told: Vec<&str> = said.err.lines().filter(|line| line.starts_with("daylight:")).collect();
        ensure!(said.code == 2 && told.len() == 1, "{} {}", said.code, said.err);
        for word in ["acme", "fingerprint", "everybody would be new", "give the old key back"] {
            ensure!(told[0].contains(word), "{word:?} is not in {}", told[0]);
        }
        ensure!(!said.err.contains(first.trim()) && !said.err.contains(&"ab".repeat(32)), "a key is told");
    }
    fs::write(&key, first)?;
    daylight.restart()
}
