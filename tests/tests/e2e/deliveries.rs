//! What becomes of a delivery: one row, one alert, one signed post, however often the provider sends it.

use std::time::Duration;

use anyhow::ensure;
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    poll,
    servers::{Receiver, Setup},
};

#[test]
fn a_click_on_a_new_app_is_a_row_and_one_signed_alert() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let setup = Setup::new().connection("okta", "brightwater", "okta", OKTA_ORG).receiver("hook", &receiver);
    let daylight = setup.set("detect.learning_days", 0).start()?;
    let receipt = daylight
        .accept("okta", &page(&[okta_sso(&click(1, "mia.roth@brightwater.example", "0oa1", "Zigzag Boards"))]))?;
    ensure!(receipt["events"] == 1, "{receipt}");
    daylight.expect(Duration::from_secs(20), "SELECT count() FROM events", 1)?;
    let post = poll(Duration::from_secs(20), "the alert arrives", || {
        receiver.posts().into_iter().next().ok_or_else(|| anyhow::anyhow!("nothing arrived"))
    })?;
    ensure!(post.is_signed && post.body["rule"] == "N1", "{post:?}");
    Ok(())
}
