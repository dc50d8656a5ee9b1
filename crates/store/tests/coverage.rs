//! What is partial and what is not, on the real server: silences, gaps, and the days that they touch.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use store::{
    AppPersonDayRow, AppPersonDaysBlock, SourceExpectationRow, SourceExpectationsBlock, SourceGapRow, SourceGapsBlock,
    SourceHourRow, SourceHoursBlock,
};
use support::Stack;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// The hours of a connection that spoke at these times.
fn heard(connection: &str, times: &[i64]) -> store::EncodedBlock {
    let mut block = SourceHoursBlock::default();
    for at in times {
        let hour = at.div_euclid(HOUR_MS) * HOUR_MS;
        block.push(&SourceHourRow { tenant: "acme", connection, hour, first_at: *at, last_at: *at });
    }
    block.take()
}

/// What is expected of a connection that was configured then, told some minutes ago.
fn expected(connection: &str, since: i64, silent_after_hours: i64, heard_at: i64) -> store::EncodedBlock {
    let mut block = SourceExpectationsBlock::default();
    let silent_after_ms = silent_after_hours * HOUR_MS;
    let noted_at = now_ms() - 5 * 60_000;
    block.push(&SourceExpectationRow { tenant: "acme", connection, since, silent_after_ms, heard_at, noted_at });
    block.take()
}

/// Days with their partial connections, in order.
const DAYS: &str = "SELECT dateDiff('day', day, toDate(now('UTC'))), arrayStringConcat(partial_connections, ' '), toUInt8(is_partial) \
                    FROM usage_coverage WHERE tenant = 'acme' ORDER BY day";

#[tokio::test]
async fn a_day_that_a_silence_or_a_gap_touches_is_partial_and_a_back_fill_closes_a_silence() {
    let stack = Stack::start().await;
    assert_eq!(stack.ask(DAYS).await, "", "nothing is known of nobody");
    // Five days, by noon of each: one connection speaks every six hours, the other is silent in the middle.
    let noon = now_ms().div_euclid(DAY_MS) * DAY_MS - DAY_MS / 2;
    let every_six_hours: Vec<i64> =
        (0..).map(|n| noon - 4 * DAY_MS + n * 6 * HOUR_MS).take_while(|at| *at <= now_ms()).collect();
    let in_the_middle = |at: &i64| (noon - 3 * DAY_MS..noon - 2 * DAY_MS).contains(at);
    let without: Vec<i64> = every_six_hours.iter().copied().filter(|at| !in_the_middle(at)).collect();
    stack.insert(&heard("okta", &every_six_hours), "okta").await;
    stack.insert(&heard("entra", &without), "entra").await;
    // The same again, as after a batch of which nobody knows whether it has landed.
    stack.insert(&heard("entra", &without), "entra again").await;
    assert_eq!(stack.ask(DAYS).await, "5\t\t0\n4\tentra\t1\n3\tentra\t1\n2\t\t0\n1\t\t0\n0\t\t0");
    let silences = "SELECT connection, toUInt8(is_open), dateDiff('hour', from_at, to_at) FROM source_silences";
    assert_eq!(stack.ask(silences).await, "entra\t0\t30");

    let middle: Vec<i64> = every_six_hours.iter().copied().filter(in_the_middle).collect();
    stack.insert(&heard("entra", &middle), "back-fill").await;
    assert_eq!(stack.ask(DAYS).await, "5\t\t0\n4\t\t0\n3\t\t0\n2\t\t0\n1\t\t0\n0\t\t0");

    let mut gaps = SourceGapsBlock::default();
    let gap = SourceGapRow {
        tenant: "acme",
        connection: "okta",
        feed: "system_log",
        reason: 1,
        from_at: noon - DAY_MS,
        to_at: noon - DAY_MS + 5,
        detail: "away",
        noted_at: noon,
    };
    gaps.push(&gap);
    stack.insert(&gaps.take(), "gap").await;
    gaps.push(&gap);
    stack.insert(&gaps.take(), "gap again").await;
    assert_eq!(
        stack.ask("SELECT connection, feed, reason, detail FROM gaps").await,
        "okta\tsystem_log\tnot_kept\taway"
    );
    assert_eq!(stack.ask(DAYS).await, "5\t\t0\n4\t\t0\n3\t\t0\n2\tokta\t1\n1\t\t0\n0\t\t0");

    // A figure of that day says so.
    let mut people = AppPersonDaysBlock::default();
    for days_ago in [2, 1] {
        let at = noon - (days_ago - 1) * DAY_MS;
        people.push(&AppPersonDayRow {
            tenant: "acme",
            app_key: "notion.so",
            department: "",
            day: u16::try_from(at / DAY_MS).unwrap(),
            user_key: 7,
            first_used_at: at,
            last_used_at: at,
        });
    }
    stack.insert(&people.take(), "people").await;
    let covered = "SELECT people, toUInt8(is_partial), partial_connections FROM usage_daily_covered ORDER BY day";
    assert_eq!(stack.ask(covered).await, "1\t1\t['okta']\n1\t0\t[]");

    // Somebody fetched in another way what was missing: the same gap is told again, and has no length any more.
    gaps.push(&SourceGapRow { to_at: gap.from_at, detail: "filled", noted_at: noon + 1, ..gap });
    stack.insert(&gaps.take(), "filled").await;
    assert_eq!(stack.ask("SELECT count() FROM gaps").await, "0");
    assert_eq!(stack.ask(covered).await, "1\t0\t[]\n1\t0\t[]");
    stack.stop().await;
}

#[tokio::test]
async fn a_connection_that_fell_silent_makes_every_day_since_partial() {
    let stack = Stack::start().await;
    let now = now_ms();
    stack.insert(&heard("okta", &[now - 2 * DAY_MS, now - 13 * HOUR_MS]), "okta").await;
    stack.insert(&heard("entra", &[now - 11 * HOUR_MS]), "entra").await;
    let open = "SELECT connection, dateDiff('hour', from_at, to_at) FROM source_silences WHERE is_open";
    assert_eq!(stack.ask(open).await, "okta\t13");
    let today = "SELECT toUInt8(is_partial), partial_connections FROM usage_coverage WHERE day = toDate(now('UTC'))";
    assert_eq!(stack.ask(today).await, "1\t['okta']");
    stack.stop().await;
}

/// Open and closed silences of one connection, in hours.
const SILENCES: &str = "SELECT connection, toUInt8(is_never), toUInt8(is_open), dateDiff('hour', from_at, to_at) FROM source_silences \
                        ORDER BY connection, to_at";

#[tokio::test]
async fn each_connection_has_a_patience_of_its_own_and_without_one_it_is_twelve_hours() {
    let stack = Stack::start().await;
    let now = now_ms();
    // Speaks for the first time three days after it was configured, then once a day.
    let daily = [now - 61 * HOUR_MS, now - 37 * HOUR_MS, now - 13 * HOUR_MS];
    for connection in ["untold", "live", "file", "import"] {
        stack.insert(&heard(connection, &daily), connection).await;
    }
    let since = now - 133 * HOUR_MS;
    for (connection, silent_after_hours) in [("live", 12), ("file", 48), ("import", 0)] {
        stack.insert(&expected(connection, since, silent_after_hours, now), connection).await;
    }
    let first_wait = "file\t0\t0\t72";
    let live = "live\t0\t0\t72\nlive\t0\t0\t24\nlive\t0\t0\t24\nlive\t0\t1\t13";
    let untold = "untold\t0\t0\t24\nuntold\t0\t0\t24\nuntold\t0\t1\t13";
    assert_eq!(stack.ask(SILENCES).await, format!("{first_wait}\n{live}\n{untold}"));
    // The setting is changed, and told anew: the latest counts.
    stack.insert(&expected("live", since, 100, now), "live again").await;
    stack.insert(&expected("file", since, 100, now), "file again").await;
    assert_eq!(stack.ask(SILENCES).await, untold);
    // A back-fill from before it was configured: the first pause is between events again.
    stack.insert(&expected("live", since, 12, now), "live once more").await;
    stack.insert(&heard("live", &[now - 140 * HOUR_MS]), "back-fill").await;
    assert!(stack.ask(SILENCES).await.starts_with("live\t0\t0\t79\nlive\t0\t0\t24"));
    stack.stop().await;
}

#[tokio::test]
async fn a_connection_that_never_spoke_makes_every_day_partial_since_it_was_configured_and_is_no_zero() {
    let stack = Stack::start().await;
    let now = now_ms();
    // Not even a tenant of which anything else is known; and one that tells, but nothing of ours.
    stack.insert(&expected("okta", now - 50 * HOUR_MS, 12, 0), "never").await;
    stack.insert(&expected("young", now - HOUR_MS, 12, 0), "never, for an hour").await;
    stack.insert(&expected("import", now - 50 * HOUR_MS, 0, 0), "nothing is expected").await;
    stack.insert(&expected("quiet", now - 50 * HOUR_MS, 12, now - HOUR_MS), "heard").await;
    stack.insert(&expected("fell_silent", now - 50 * HOUR_MS, 12, now - 20 * HOUR_MS), "heard once").await;
    let silences = "fell_silent\t0\t1\t20\nokta\t1\t1\t50\nyoung\t1\t1\t1";
    assert_eq!(stack.ask(SILENCES).await, silences);
    let told = "SELECT reason, detail FROM gaps WHERE connection = 'okta'";
    assert_eq!(stack.ask(told).await, "never\tno event since it was configured");
    let days = "SELECT count() BETWEEN 3 AND 4, min(is_partial), min(has(partial_connections, 'okta')) FROM usage_coverage WHERE tenant = 'acme'";
    assert_eq!(stack.ask(days).await, "1\ttrue\t1");
    // It speaks at last: what came before stays unknown.
    stack.insert(&heard("okta", &[now]), "okta").await;
    assert!(stack.ask(SILENCES).await.contains("okta\t0\t0\t50"));
    stack.stop().await;
}
