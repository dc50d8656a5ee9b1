//! `connections status`: what comes, how late, what is silent, and which figures are partial.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value as Json;
use tests::{
    events::{Click, ENTRA_TENANT, OKTA_ORG, click, now_ms, okta_sso, page},
    poll,
    servers::Setup,
};

use crate::shell::{type_to, typed};

const SOON: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn status_says_what_comes_how_late_and_which_days_are_partial() -> anyhow::Result<()> {
    let daylight = Setup::new()
        .connection("okta", "acme", "okta", OKTA_ORG)
        .connection("entra", "acme", "entra", ENTRA_TENANT)
        .set("sink.flush_interval_ms", 100)
        .start()?;
    let at = |number: u64, ago_ms: i64| {
        let used = click(number, "mia.roth@brightwater.example", "0oaApp", "App");
        okta_sso(&Click { at_ms: now_ms() - ago_ms, ..used })
    };
    // Now, and three days ago; nothing between.
    daylight.accept("okta", &page(&[at(1, 0), at(2, 3 * DAY_MS), at(3, 3 * DAY_MS)]))?;
    daylight.expect(SOON, "SELECT count() FROM source_hours WHERE connection = 'okta'", 2)?;
    let told = poll(SOON, "the rows are told of", || {
        let told: Json = serde_json::from_str(&typed(&daylight, &["connections", "status", "--json"])?)?;
        ensure!(told.pointer("/connections/0/types/0/events") == Some(&3.into()), "{told}");
        Ok(told)
    })?;
    let of = |path: &str| told.pointer(path).cloned().unwrap_or_default();
    ensure!(of("/connections/0/arrival") == "heard" && of("/connections/1/arrival") == "never", "{told}");
    ensure!(of("/connections/0/types/0/native_type") == "user.authentication.sso", "{told}");
    ensure!(of("/connections/0/lag/source_ms_max").as_i64() > Some(3 * DAY_MS - 1), "{told}");
    ensure!(of("/connections/0/lag/pipeline_ms_max").as_i64().is_some_and(|ms| (0..120_000).contains(&ms)), "{told}");
    ensure!(of("/connections/0/gaps/0/reason") == "silent" && of("/notes") == Json::Array(vec![]), "{told}");
    let said = typed(&daylight, &["connections", "status"])?;
    for words in [
        "SOURCE LAG",
        "! okta: partial from ",
        "(silent): no event between",
        "! entra has delivered nothing within 7 days; its figures are partial",
        "3 user.authentication.sso (sso)",
        "acme: rules that work: none",
        "- what is bought: invoices, cards, expenses",
    ] {
        ensure!(said.contains(words), "{words:?} is not in {said}");
    }
    let partial = "SELECT count() FROM usage_coverage WHERE tenant = 'acme' AND is_partial";
    ensure!(daylight.number(partial)? == 4, "{:?}", daylight.rows("SELECT * FROM usage_coverage ORDER BY day")?);
    // The two days without any event have no figure at all, and are told all the same.
    ensure!(daylight.number("SELECT count() FROM usage_daily")? == 2);
    let apps = type_to(&daylight, &["apps"])?;
    ensure!(apps.err.contains("on 4 of the last 30 days okta did not tell everything"), "{}", apps.err);
    // What was missing comes after all.
    let late: Vec<Json> =
        (1..12).map(|number| at(10 + u64::try_from(number).unwrap_or(0), number * DAY_MS / 4)).collect();
    daylight.accept("okta", &page(&late))?;
    daylight.expect(SOON, partial, 0)?;
    let apps = type_to(&daylight, &["apps"])?;
    ensure!(apps.code == 0 && !apps.err.contains("did not tell"), "{}", apps.err);
    Ok(())
}
