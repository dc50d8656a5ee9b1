//! What becomes of a delivery: one row, one alert, one signed post, however often the provider sends it.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{
    events::{ENTRA_TENANT, OKTA_ORG, click, entra_consent, okta_consent, okta_sso, page},
    poll,
    servers::{Post, Receiver, Setup},
};

use crate::shared::shared;

/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(30);

/// Waits for the alert about an app of a tenant.
fn alert_about(receiver: &Receiver, tenant: &str, app_id: &str) -> anyhow::Result<Post> {
    poll(SOON, "the alert arrives", || {
        let posts = receiver.posts();
        let is_it = |post: &&Post| post.body["tenant"] == tenant && post.body["app_ref"].to_string().contains(app_id);
        posts.iter().find(is_it).cloned().with_context(|| format!("{} others arrived", posts.len()))
    })
}

#[test]
fn a_click_on_a_new_app_is_a_row_and_one_signed_alert_that_says_why() -> anyhow::Result<()> {
    let shared = shared()?;
    let sso = okta_sso(&click(1, "mia.roth@brightwater.example", "0oaZigzag", "Zigzag Boards"));
    let receipt = shared.daylight.accept("click", &page(&[sso]))?;
    ensure!(receipt["events"] == 1, "{receipt}");
    shared.daylight.expect(SOON, "SELECT count() FROM events WHERE tenant = 'click'", 1)?;
    let post = alert_about(&shared.receiver, "click", "0oaZigzag")?;
    ensure!(post.is_signed, "the signature does not fit the body");
    ensure!(post.body["rule"] == "N1" && post.body["title"].to_string().contains("Zigzag Boards"), "{}", post.body);
    shared.daylight.expect(SOON, "SELECT count() FROM alerts FINAL WHERE tenant = 'click'", 1)?;
    let query = post.body["evidence_query"].as_str().context("no evidence query")?;
    ensure!(shared.daylight.rows(query)?.len() == 1, "the alert's evidence query gives its event: {query}");
    Ok(())
}

#[test]
fn what_a_provider_sends_twice_is_one_event_and_moves_no_figure() -> anyhow::Result<()> {
    let daylight = &shared()?.daylight;
    let clicks: Vec<Value> = (0..20u64)
        .map(|number| {
            let email = format!("person{}@brightwater.example", number % 5);
            okta_sso(&click(100 + number, &email, &format!("0oaApp{}", number % 3), "Copyshop"))
        })
        .collect();
    let first = daylight.accept("again", &page(&clicks))?;
    ensure!(first["duplicates"] == 0 && first["events"] == 20, "{first}");
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events WHERE tenant = 'again'", 20)?;
    let figures = "SELECT app_key, uniqExact(user_key), uniqExact(event_id) FROM events WHERE tenant = 'again' GROUP BY app_key ORDER BY app_key";
    let before = daylight.rows(figures)?;
    for _ in 0..3 {
        let again = daylight.accept("again", &page(&clicks))?;
        ensure!(again["duplicates"] == 20 && again["events"] == 20, "second copies are told as such: {again}");
    }
    // The same events in other company, and in another order, are still the same events.
    let mut mixed: Vec<Value> = clicks.iter().rev().cloned().collect();
    mixed.push(okta_sso(&click(120, "person0@brightwater.example", "0oaApp0", "Copyshop")));
    let receipt = daylight.accept("again", &page(&mixed))?;
    ensure!(receipt["duplicates"] == 20 && receipt["events"] == 21, "{receipt}");
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events WHERE tenant = 'again'", 21)?;
    ensure!(daylight.number("SELECT count() FROM events WHERE tenant = 'again'")? == 21, "no row twice either");
    ensure!(before.len() == 3 && before.iter().all(|row| row[1] == 5), "{before:?}");
    Ok(())
}

#[test]
fn good_elements_of_a_broken_batch_land_and_the_bad_one_is_one_dead_letter_however_often_it_comes() -> anyhow::Result<()>
{
    let daylight = &shared()?.daylight;
    let sso = |number| okta_sso(&click(number, "ben.koch@brightwater.example", "0oaBatch", "Batchwork")).to_string();
    let broken = r#"{"eventType": "user.authentication.sso", "uuid": "broken-1", "published": }"#;
    let body = format!("[{},{broken},{}]", sso(201), sso(202));
    for _ in 0..3 {
        let receipt = daylight.accept("batch", body.as_bytes())?;
        ensure!(receipt["read"] == 3 && receipt["events"] == 2 && receipt["rejected"] == 1, "{receipt}");
        // Waited for, so that a second copy would be a second insert, and not replaced within one.
        daylight.expect(SOON, "SELECT count() FROM events WHERE tenant = 'batch'", 2)?;
        daylight.expect(SOON, "SELECT count() FROM dead_letters WHERE tenant = 'batch'", 1)?;
    }
    // One whole flush later nothing was added: a further good event has passed the same way behind the three deliveries.
    daylight.accept("batch", format!("[{},{{\"no\":1}}]", sso(203)).as_bytes())?;
    daylight.expect(SOON, "SELECT count() FROM events WHERE tenant = 'batch'", 3)?;
    daylight.expect(SOON, "SELECT count() FROM dead_letters WHERE tenant = 'batch'", 2)?;
    let letters = daylight.rows(
        "SELECT toString(reason), origin, connection FROM dead_letters WHERE tenant = 'batch' AND reason = 'bad_json'",
    )?;
    ensure!(letters.len() == 1 && letters[0][1] == "http:events:1" && letters[0][2] == "batch", "{letters:?}");
    Ok(())
}

/// None of them may stop anything, move a first sight by years, or be lost.
#[test]
fn an_event_from_the_future_from_1970_with_a_40_kb_user_agent_or_5_000_scopes_is_a_row_like_any_other()
-> anyhow::Result<()> {
    let daylight = &shared()?.daylight;
    let sso = |number| okta_sso(&click(number, "mia.roth@brightwater.example", "0oaHard", "Hard Days"));
    let (mut future, mut past, mut wordy) = (sso(300), sso(301), sso(302));
    future["published"] = "2150-01-01T00:00:00.000Z".into();
    past["published"] = "1970-01-02T00:00:00.000Z".into();
    wordy["client"]["userAgent"]["rawUserAgent"] = "x".repeat(40 << 10).into();
    let scopes: Vec<String> = (0..5_000).map(|number| format!("s{number}")).collect();
    let mut greedy = okta_consent(&click(303, "mia.roth@brightwater.example", "0oaHard", "Hard Days"), &["openid"]);
    let target = |scope: &String| json!({"type": "ConsentGrant", "displayName": scope});
    if let Some(targets) = greedy["target"].as_array_mut() {
        targets.extend(scopes.iter().map(target));
    }
    let receipt = daylight.accept("hard", &page(&[future, past, wordy, greedy]))?;
    ensure!(receipt["events"] == 4 && receipt["rejected"] == 0, "{receipt}");
    daylight.expect(SOON, "SELECT count() FROM events WHERE tenant = 'hard'", 4)?;
    for (what, condition, rows) in [
        (
            "every time is near its receipt",
            "occurred_at BETWEEN received_at - INTERVAL 400 DAY AND received_at + INTERVAL 5 MINUTE",
            4,
        ),
        ("what the provider said is kept", "occurred_at_original_ms IN (5680281600000, 86400000)", 2),
        ("a user agent has an end", "length(user_agent) = 1024", 1),
        ("so has a list of scopes", "kind = 'oauth_grant' AND length(scopes) BETWEEN 1000 AND 16384", 1),
        ("what was changed is flagged", "parse_warnings != 0", 4),
    ] {
        let found = daylight.number(&format!("SELECT count() FROM events WHERE tenant = 'hard' AND {condition}"))?;
        ensure!(found == rows, "{what}: {found} rows");
    }
    // And the next ordinary click is told of as ever.
    daylight.accept("hard", &page(&[okta_sso(&click(304, "ben.koch@brightwater.example", "0oaAfter", "After"))]))?;
    alert_about(&shared()?.receiver, "hard", "0oaAfter")?;
    Ok(())
}

#[test]
fn consents_of_okta_and_entra_arrive_as_grants_with_their_scopes() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let setup =
        Setup::new().connection("okta", "acme", "okta", OKTA_ORG).connection("entra", "acme", "entra", ENTRA_TENANT);
    let daylight = setup.receiver("hook", &receiver).set("detect.learning_days", 0).start()?;
    let okta =
        okta_consent(&click(1, "mia.roth@brightwater.example", "0oaNotes", "Notes"), &["files.read", "calendar.read"]);
    let app_id = "5a3c0000-2222-4000-8000-000000000007";
    let entra = entra_consent(
        &click(2, "mia.roth@brightwater.example", app_id, "Free PDF Tool"),
        &["Mail.Read", "offline_access"],
    );
    ensure!(daylight.accept("okta", &page(&[okta]))?["events"] == 1);
    ensure!(daylight.accept("entra", &page(&[entra]))?["events"] == 1);
    let grants =
        "SELECT toString(source), scopes, user_key != 0 FROM events WHERE kind = 'oauth_grant' ORDER BY source";
    let grants = poll(SOON, "both are rows", || {
        let rows = daylight.rows(grants)?;
        ensure!(rows.len() == 2, "{rows:?}");
        Ok(rows)
    })?;
    ensure!(grants[0][0] == "okta" && grants[0][1] == "calendar.read files.read", "{grants:?}");
    ensure!(grants[1][0] == "entra" && grants[1][1] == "Mail.Read offline_access", "{grants:?}");
    let risky = alert_about(&receiver, "acme", app_id)?;
    ensure!(risky.is_signed, "the signature does not fit the body");
    a_stopped_daylight_loses_nothing(&daylight)
}

/// A graceful stop under load: what was acknowledged up to the last moment is there after the next start, once.
fn a_stopped_daylight_loses_nothing(daylight: &tests::servers::Daylight) -> anyhow::Result<()> {
    let acknowledged = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut acknowledged = 0u64;
            for number in 1_000.. {
                let email = format!("person{}@brightwater.example", number % 50);
                let body = page(&[okta_sso(&click(number, &email, "0oaStop", "Stopwatch"))]);
                match daylight.send("okta", &body) {
                    Ok(answer) if answer.status == 200 => acknowledged += 1,
                    // It stops: the port is closed, or the log takes no more.
                    Ok(_) | Err(_) => break,
                }
            }
            acknowledged
        });
        let began = Instant::now();
        poll(SOON, "some are acknowledged", || {
            ensure!(daylight.number("SELECT count() FROM events WHERE app_native_id = '0oaStop'")? > 50, "too few");
            Ok(())
        })?;
        ensure!(began.elapsed() < SOON, "slow");
        ensure!(daylight.stop()? == 0, "a stop that was asked for is no failure");
        Ok(sender.join().unwrap_or(0))
    })?;
    ensure!(acknowledged > 50, "only {acknowledged} were acknowledged");
    daylight.restart()?;
    let query = "SELECT count() FROM events WHERE app_native_id = '0oaStop'";
    let rows = poll(SOON, "what was acknowledged is there", || {
        let rows = daylight.number(query)?;
        // One more may have been appended, whose answer the stop cut off.
        ensure!(rows >= acknowledged, "{rows} of {acknowledged}");
        Ok(rows)
    })?;
    ensure!(rows <= acknowledged + 1, "{rows} rows of {acknowledged} acknowledged events");
    ensure!(daylight.number(&query.replace("count()", "uniqExact(event_id)"))? == rows, "some row is there twice");
    Ok(())
}
