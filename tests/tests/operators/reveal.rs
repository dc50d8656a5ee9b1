//! A name is told to somebody who gives a reason, and never without a trace.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::Setup,
};

use crate::shell::{refused, typed};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_name_is_revealed_for_a_reason_and_the_question_is_on_record_before() -> anyhow::Result<()> {
    let daylight =
        Setup::new().connection("okta", "acme", "okta", OKTA_ORG).set("sink.flush_interval_ms", 100).start()?;
    let used = click(1, "mia.roth@brightwater.example", "0oaZigzag", "Zigzag Boards");
    daylight.accept("okta", &page(&[okta_sso(&used)]))?;
    daylight.expect(SOON, "SELECT count() FROM identities", 1)?;
    let keys = poll(SOON, "the person has a row", || {
        let keys = daylight.rows("SELECT leftPad(lower(hex(user_key)), 16, '0') FROM events")?;
        ensure!(keys.len() == 1, "{keys:?}");
        Ok(keys)
    })?;
    let key = keys[0][0].as_str().context("no key")?;
    let said = typed(&daylight, &["reveal", key, "--reason", "she asked for help"])?;
    ensure!(
        said.contains("mia.roth@brightwater.example") && said.contains("mia roth") && said.contains("okta"),
        "{said}"
    );
    refused(&daylight, &["reveal", "00000000000000ab", "--reason", "I guessed"], 1, &["nobody of acme", "on record"])?;
    // These ask for nobody, so there is nothing to keep.
    refused(&daylight, &["reveal", "mia.roth", "--reason", "so"], 1, &["16 hexadecimal digits"])?;
    refused(&daylight, &["reveal", key, "--reason", " "], 1, &["reason is missing"])?;
    refused(&daylight, &["reveal", key], 2, &["--reason"])?;
    daylight.expect(SOON, "SELECT count() FROM reveals FINAL", 2)?;
    let query =
        "SELECT leftPad(lower(hex(user_key)), 16, '0'), reason, revealed_by FROM reveals FINAL ORDER BY _offset";
    let rows = daylight.rows(query)?;
    ensure!(rows == [[key, "she asked for help", "carla"], ["00000000000000ab", "I guessed", "carla"]], "{rows:?}");
    ensure!(!daylight.log()?.contains("mia"), "a name is in the log lines");
    Ok(())
}
