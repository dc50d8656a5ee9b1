//! Splunk's HTTP Event Collector, as its clients speak it: envelopes, tokens, acknowledgements, and each code that it documents.

use std::{io::Write, net::TcpStream, sync::LazyLock, time::Duration};

use anyhow::{Context, anyhow, ensure};
use serde_json::{Value, json};
use tests::{
    events::{OKTA_ORG, click, okta_sso},
    http::{self, Answer},
    poll,
    servers::{Daylight, Setup, deploy_folder},
};

const CHANNEL: (&str, &str) = ("x-splunk-request-channel", "0AECC8E6-F5EE-4AB6-9C02-5D0FBA3A5AE1");

fn collector() -> anyhow::Result<&'static Daylight> {
    static COLLECTOR: LazyLock<anyhow::Result<Daylight>> = LazyLock::new(|| {
        let card = deploy_folder().join("config/mappings/card_statement.toml");
        Setup::new()
            .role("ingest")
            .connection("stream", "acme", "okta", OKTA_ORG)
            .connection_key("hec", true)
            .connection("card", "acme", "mapped", "acme")
            .connection_key("hec", true)
            .connection_key("mapping", card.to_str().unwrap_or_default())
            .connection("hook", "acme", "okta", OKTA_ORG)
            .start()
    });
    COLLECTOR.as_ref().map_err(|error| anyhow!("the collector did not start: {error:#}"))
}

fn url(path: &str) -> anyhow::Result<String> {
    Ok(collector()?.events_url("x").replace("/v1/events/x", &format!("/services/collector{path}")))
}

/// Posts as a client that knows the token.
fn post(path: &str, headers: &[(&str, &str)], body: &[u8]) -> anyhow::Result<Answer> {
    let authorization = format!("Splunk {}", collector()?.secret("stream"));
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend(headers);
    http::post(&url(path)?, &all, body)
}

/// The same event, however often it is asked for: a copy is a copy.
fn sso(number: u64) -> Value {
    static PUBLISHED: LazyLock<Value> =
        LazyLock::new(|| okta_sso(&click(0, "a@b.example", "x", "y"))["published"].clone());
    let mut event = okta_sso(&click(number, "mia@brightwater.example", "0oaHec", "Hec"));
    event["published"] = PUBLISHED.clone();
    event
}

/// As Okta's log streaming and its like write them: one behind the other.
fn envelopes(numbers: std::ops::Range<u64>) -> String {
    let envelope =
        |number| json!({"time": 1_772_357_400.5, "host": OKTA_ORG, "source": "okta", "event": sso(number)}).to_string();
    numbers.map(envelope).collect()
}

fn duplicates(body: &[u8]) -> anyhow::Result<Value> {
    Ok(collector()?.accept("stream", body)?["duplicates"].clone())
}

#[test]
fn envelopes_are_taken_in_every_form_and_are_in_the_log_when_they_are_answered() -> anyhow::Result<()> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(envelopes(2..4).as_bytes())?;
    let packed = encoder.finish()?;
    let text = json!({"event": sso(5).to_string()}).to_string();
    for (path, headers, body) in [
        ("/event", &[][..], envelopes(0..2).into_bytes()),
        ("", &[("content-encoding", "gzip")], packed),
        ("/event/1.0", &[], envelopes(4..5).into_bytes()),
        ("/event", &[], text.into_bytes()),
        ("/raw", &[], format!("{}\n{}\n", sso(6), sso(7)).into_bytes()),
        (
            "/raw/1.0?channel=0aecc8e6-f5ee-4ab6-9c02-5d0fba3a5ae9",
            &[],
            json!([sso(8), sso(9)]).to_string().into_bytes(),
        ),
    ] {
        let answer = post(path, headers, &body)?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text());
        ensure!(answer.json()?["code"] == 0 && answer.json()?["text"] == "Success", "{path}: {}", answer.text());
    }
    let all: Vec<Value> = (0..10).map(sso).collect();
    ensure!(duplicates(json!(all).to_string().as_bytes())? == 10, "each of them is known");
    let card = format!("Splunk {}", collector()?.secret("card"));
    let lacking = http::post(&url("/raw")?, &[("authorization", &card)], b"Booking date;Card\n")?;
    ensure!(
        lacking.status == 400 && lacking.json()?["code"] == 6 && lacking.text().contains("`Category`"),
        "{}",
        lacking.text()
    );
    Ok(())
}

#[test]
fn each_wrong_request_has_its_documented_code_and_status() -> anyhow::Result<()> {
    let good = envelopes(20..21);
    let cut = envelopes(21..23);
    let cut = &cut[..cut.len() - 30];
    let array = format!("[{good}]");
    for (what, headers, body, status, code) in [
        ("nothing", &[][..], &b""[..], 400, 5),
        ("white space", &[], b" \r\n", 400, 5),
        ("a body cut in half", &[], cut.as_bytes(), 400, 6),
        ("an array", &[], array.as_bytes(), 400, 6),
        ("a page of a proxy", &[], b"<html>", 400, 6),
        ("what is not packed as it says", &[("content-encoding", "gzip")], good.as_bytes(), 400, 6),
        ("an unknown packing", &[("content-encoding", "br")], good.as_bytes(), 400, 6),
        ("no event", &[], br#"{"time":1}"#, 400, 12),
        ("a blank event", &[], br#"{"event":""}"#, 400, 13),
        ("a channel that is none", &[("x-splunk-request-channel", "mine")], good.as_bytes(), 400, 11),
        ("too large a body", &[], &[b' '; 9 << 20], 413, 27),
    ] {
        let answer = post("/event", headers, body)?;
        ensure!(answer.status == status, "{what}: {} {}", answer.status, answer.text());
        ensure!(answer.json()?["code"] == code, "{what}: {}", answer.text());
    }
    let answer = post("/event", &[], cut.as_bytes())?.json()?;
    ensure!(answer["invalid-event-number"] == 1 && answer["text"] == "Invalid data format", "{answer}");
    ensure!(duplicates(json!([sso(21)]).to_string().as_bytes())? == 0, "nothing of a body that was cut is taken");
    for (what, question, code) in [("no question", &b""[..], 6), ("another question", br#"{"acks":"all"}"#, 6)] {
        ensure!(post("/ack", &[CHANNEL], question)?.json()?["code"] == code, "{what}");
    }
    ensure!(post("/ack", &[], br#"{"acks":[0]}"#)?.json()?["code"] == 10, "an acknowledgement needs its channel");
    Ok(())
}

#[test]
fn a_token_that_is_wrong_of_another_door_or_missing_lets_nobody_in() -> anyhow::Result<()> {
    let (token, hook) = (collector()?.secret("stream"), collector()?.secret("hook"));
    let (wrong, long) = (format!("Splunk {token}x"), format!("Splunk {}", "x".repeat(4_000)));
    let (bearer, other) = (format!("Bearer {token}"), format!("Splunk {hook}"));
    for (what, authorization, status, code) in [
        ("none", None, 401, 2),
        ("empty", Some("Splunk "), 401, 3),
        ("another scheme", Some(bearer.as_str()), 401, 3),
        ("wrong", Some(wrong.as_str()), 403, 4),
        ("the secret of a connection that is no collector", Some(other.as_str()), 403, 4),
        ("endless", Some(long.as_str()), 403, 4),
    ] {
        for path in ["/event", "/raw", "/ack"] {
            let headers: Vec<(&str, &str)> = authorization.map(|value| ("authorization", value)).into_iter().collect();
            let answer = http::post(&url(path)?, &headers, b"{}")?;
            ensure!(
                answer.status == status && answer.json()?["code"] == code,
                "{what} {path}: {} {}",
                answer.status,
                answer.text()
            );
            ensure!(!answer.text().contains(token), "{what} {path}");
        }
    }
    Ok(())
}

#[test]
fn acknowledgement_ids_are_true_at_once_and_only_those_that_were_given() -> anyhow::Result<()> {
    for expected in 0..3 {
        let answer = post("/event", &[CHANNEL], envelopes(40 + expected..41 + expected).as_bytes())?.json()?;
        ensure!(answer == json!({"text": "Success", "code": 0, "ackId": expected}), "{answer}");
    }
    ensure!(post("/event", &[], envelopes(44..45).as_bytes())?.json()?.get("ackId").is_none(), "no channel, no id");
    let ack = format!("/ack?channel={}", CHANNEL.1.to_lowercase());
    let answer = post(&ack, &[], br#"{"acks":[0,2,3,18446744073709551615]}"#)?.json()?;
    ensure!(answer == json!({"acks": {"0": true, "2": true, "3": false, "18446744073709551615": false}}), "{answer}");
    let card = format!("Splunk {}", collector()?.secret("card"));
    let answer = http::post(&url("/ack")?, &[("authorization", &card), CHANNEL], br#"{"acks":[0]}"#)?.json()?;
    ensure!(answer == json!({"acks": {"0": false}}), "a channel is its connection's own: {answer}");
    let many = json!({"acks": (0..5_001).collect::<Vec<_>>()}).to_string();
    ensure!(post("/ack", &[CHANNEL], many.as_bytes())?.status == 413);
    Ok(())
}

#[test]
fn a_collector_says_that_it_is_healthy() -> anyhow::Result<()> {
    for path in ["/health", "/health/1.0"] {
        let answer = http::request("GET", &url(path)?, &[], &[], Duration::from_secs(10))?;
        ensure!(answer.status == 200 && answer.json()?["code"] == 17, "{}", answer.text());
    }
    Ok(())
}

/// Splunk's codes 18 and 9: who asks for its health, and who sends all the same.
#[test]
fn a_collector_whose_room_is_spent_says_so_and_takes_the_same_events_when_there_is_room_again() -> anyhow::Result<()> {
    let room: i64 = 64 << 10;
    let setup = Setup::new().role("ingest").connection("stream", "acme", "okta", OKTA_ORG).connection_key("hec", true);
    let setup = setup.set("ingest.in_flight_bytes_max", room).set("ingest.read_timeout_ms", 300_000);
    let collector = setup.start()?;
    let url = |path: &str| collector.events_url("x").replace("/v1/events/x", &format!("/services/collector{path}"));
    let authorization = format!("Splunk {}", collector.secret("stream"));
    let send = || http::post(&url("/event"), &[("authorization", &authorization)], envelopes(70..72).as_bytes());
    let health = |code: u64| {
        poll(Duration::from_secs(60), &format!("its health has the code {code}"), || {
            let answer = http::get(&url("/health"))?;
            ensure!(answer.json()?["code"] == code, "{}", answer.text());
            Ok(answer)
        })
    };
    // A body that is announced and does not come has its room already.
    let url_of_events = url("/event");
    let (address, path) = url_of_events.trim_start_matches("http://").split_once('/').context("no path")?;
    let mut held = TcpStream::connect(address)?;
    write!(
        held,
        "POST /{path} HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\ncontent-length: {room}\r\n\r\n{{"
    )?;
    let unhealthy = health(18)?;
    ensure!(unhealthy.status == 503 && unhealthy.header("retry-after").is_some(), "{}", unhealthy.text());
    let busy = send()?;
    ensure!(busy.status == 503 && busy.json()? == json!({"text": "Server is busy", "code": 9}), "{}", busy.text());
    ensure!(busy.header("retry-after").is_some(), "{:?}", busy.headers);
    drop(held);
    health(17)?;
    let taken = send()?;
    ensure!(taken.status == 200 && taken.json()?["code"] == 0, "{}", taken.text());
    Ok(())
}

#[test]
fn events_of_event_bridge_come_through_the_ordinary_door() -> anyhow::Result<()> {
    let envelope = |number| json!({"version": "0", "detail-type": "SystemLog", "source": "aws.partner/okta.com/brightwater/siem", "detail": sso(number)});
    let receipt = collector()?.accept("hook", envelope(60).to_string().as_bytes())?;
    ensure!(receipt["events"] == 1 && receipt["duplicates"] == 0, "{receipt}");
    let receipt = collector()?.accept("hook", json!([envelope(60), envelope(61)]).to_string().as_bytes())?;
    ensure!(receipt["events"] == 2 && receipt["duplicates"] == 1, "{receipt}");
    Ok(())
}
