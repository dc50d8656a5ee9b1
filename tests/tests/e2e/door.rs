//! The door: who is not let in, and what is too much. A Daylight with the role `ingest` alone, so that its memory is the door's.

use std::{
    io::Write,
    sync::LazyLock,
    time::{Duration, Instant},
};

use anyhow::{anyhow, ensure};
use tests::{
    events::{OKTA_ORG, click, okta_sso, page},
    http::{self, Answer},
    servers::{Daylight, Setup},
};

/// Memory that refused bodies may cost beyond what good ones did: the largest body, packed and unpacked, and what allocators keep.
const GROWTH_BYTES_MAX: u64 = 160 << 20;

fn door() -> anyhow::Result<&'static Daylight> {
    static DOOR: LazyLock<anyhow::Result<Daylight>> =
        LazyLock::new(|| Setup::new().role("ingest").connection("okta", "acme", "okta", OKTA_ORG).start());
    DOOR.as_ref().map_err(|error| anyhow!("the door did not open: {error:#}"))
}

fn knock(url: &str, authorization: Option<&str>) -> anyhow::Result<Answer> {
    let headers: Vec<(&str, &str)> = authorization.map(|value| ("authorization", value)).into_iter().collect();
    http::post(url, &headers, b"[]")
}

/// An answer without what differs by the second.
fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
    (answer.status, headers, answer.text())
}

fn send_packed(encoding: &str, body: &[u8]) -> anyhow::Result<Answer> {
    let door = door()?;
    let authorization = format!("Bearer {}", door.secret("okta"));
    http::post(&door.events_url("okta"), &[("authorization", &authorization), ("content-encoding", encoding)], body)
}

fn gzip(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}

#[test]
fn a_wrong_or_missing_secret_and_an_unknown_connection_get_the_same_401() -> anyhow::Result<()> {
    let door = door()?;
    let secret = door.secret("okta");
    ensure!(knock(&door.events_url("okta"), Some(&format!("Bearer {secret}")))?.status == 200);
    let expected = comparable(&knock(&door.events_url("nobody"), Some("Bearer wrong"))?);
    ensure!(expected.0 == 401, "{expected:?}");
    let almost = format!("Bearer {}x", &secret[..secret.len() - 1]);
    for (connection, authorization) in [
        ("okta", None),
        ("okta", Some("")),
        ("okta", Some("Bearer wrong")),
        ("okta", Some("Bearer ")),
        ("okta", Some(almost.as_str())),
        ("nobody", None),
        ("nobody", Some(secret)),
    ] {
        for route in ["events", "okta"] {
            let url = door.events_url(connection).replace("/v1/events/", &format!("/v1/{route}/"));
            let answer = comparable(&knock(&url, authorization)?);
            ensure!(answer == expected, "{connection} {authorization:?}: {answer:?} and not {expected:?}");
        }
    }
    Ok(())
}

/// Rough on purpose: it would catch a lookup, a hash or a sleep that only one of them pays for. The comparison itself is `subtle`'s.
#[test]
fn an_unknown_connection_costs_what_a_wrong_secret_costs() -> anyhow::Result<()> {
    let door = door()?;
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..600 {
        for (connection, times) in ["okta", "nobody"].iter().zip(&mut times) {
            let url = door.events_url(connection);
            let began = Instant::now();
            ensure!(knock(&url, Some("Bearer planted-connection-secret-okta-wrong"))?.status == 401);
            if round >= 100 {
                times.push(began.elapsed());
            }
        }
    }
    let [known, unknown] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    ensure!(known < unknown * 2 + Duration::from_micros(100), "known {known:?}, unknown {unknown:?}");
    ensure!(unknown < known * 2 + Duration::from_micros(100), "known {known:?}, unknown {unknown:?}");
    Ok(())
}

#[test]
fn too_large_too_deep_and_too_many_are_refused_with_a_sentence_and_memory_stays_flat() -> anyhow::Result<()> {
    let door = door()?;
    // What an honest sender of the largest delivery costs comes first, so that only the refused ones are measured.
    let number = 1_000_000;
    let large: Vec<_> =
        (0..8_000).map(|more| okta_sso(&click(number + more, "mia@brightwater.example", "0oaBig", "Big"))).collect();
    let large = page(&large);
    ensure!(large.len() > 7 << 20 && large.len() < 8 << 20, "the page has {} bytes", large.len());
    ensure!(door.accept("okta", &large)?["events"] == 8_000);
    let before = door.peak_memory_bytes()?;

    let spaces = vec![b' '; 512 << 20];
    let (gzip_bomb, zstd_bomb) = (gzip(&spaces[..30 << 20])?, zstd::stream::encode_all(spaces.as_slice(), 3)?);
    drop(spaces);
    // 39 MB of events that compress twentyfold: honest in its ratio, and still larger than what may be unpacked.
    let honest = page(
        &(0..42_000).map(|more| okta_sso(&click(more, "mia@brightwater.example", "0oaBig", "Big"))).collect::<Vec<_>>(),
    );
    let honest = gzip(&honest)?;
    let nested = format!("{}{}", "[".repeat(4 << 20), "]".repeat(1 << 20));
    let many = format!("[{}{{}}]", "{},".repeat(10_000));
    let refused: [(&str, &str, &[u8], u16, &str); 7] = [
        ("identity", "a body of 9 MiB", &vec![b' '; 9 << 20], 413, "larger than 8388608 bytes"),
        ("gzip", "a bomb of gzip", &gzip_bomb, 413, "times its size"),
        ("zstd", "a bomb of zstd", &zstd_bomb, 413, "times its size"),
        ("gzip", "an honest body, too large unpacked", &honest, 413, "larger than 33554432 bytes"),
        ("identity", "too many events", many.as_bytes(), 413, "more than 10000 events"),
        ("identity", "a bomb of depth", nested.as_bytes(), 400, "deeper than 64 levels"),
        ("br", "an unknown packing", b"[]", 415, "unknown Content-Encoding"),
    ];
    for _ in 0..4 {
        for (encoding, what, body, status, sentence) in &refused {
            let answer = send_packed(encoding, body)?;
            ensure!(answer.status == *status, "{what}: {} {}", answer.status, answer.text());
            ensure!(answer.text().contains(sentence), "{what}: {}", answer.text());
        }
    }
    let cut = send_packed("gzip", b"[]")?;
    ensure!(cut.status == 400 && cut.text().contains("cannot be unpacked"), "{} {}", cut.status, cut.text());
    let growth = door.peak_memory_bytes()?.saturating_sub(before);
    ensure!(growth < GROWTH_BYTES_MAX, "memory grew by {growth} bytes from {before}");
    Ok(())
}

#[test]
fn a_bomb_of_depth_beside_good_events_costs_none_of_them() -> anyhow::Result<()> {
    let sso = |number| okta_sso(&click(number, "mia@brightwater.example", "0oaDeep", "Deep")).to_string();
    let body = format!("[{},{}{},{}]", sso(1), "[".repeat(100_000), "]".repeat(100_000), sso(2));
    let receipt = door()?.accept("okta", body.as_bytes())?;
    ensure!(receipt["events"] == 2 && receipt["rejected"] == 1, "{receipt}");
    Ok(())
}
