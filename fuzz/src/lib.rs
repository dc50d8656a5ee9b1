//! What each fuzz target does with its bytes: one function a target, which panics when a promise is broken.
//!
//! Promises, and not only "no panic": what was decoded is written and read back as the same; elements lie in the body in order and do not
//! overlap; a secret does not survive scrubbing; an error of the configuration is one line. `tests/tests/fuzz_seeds.rs` runs the same functions
//! over the seeds with every `make test`, so that a target cannot rot.
//!
//! Two rooms are private to their crates and stay so: their source is included here by its path.

#[path = "../../crates/sink/src/plan.rs"]
#[allow(dead_code, reason = "what its crate uses beside reading and writing")]
mod plan_source;
#[path = "../../crates/ingest/src/parse/time.rs"]
#[allow(dead_code, reason = "as above")]
mod time_source;

use std::io::Write;

use codec::{BatchHeader, BatchWriter, LogRecord, decode_log_record};
use event::{Event, Source, TenantKey, Timestamp};
use ingest::{
    ConnectionConfig,
    delivery::scrub as scrub_text,
    parse::{Mapping, Outcome, ParseContext, Piece, Pieces, clamp, parse_element},
};
use runtime::load_config;
use serde::Deserialize;

/// Most elements of one body. Small, so that the end of the allowance is reached.
const ELEMENTS_MAX: usize = 100;
const KEY: TenantKey = TenantKey::new([7; 32]);
const RECEIVED_AT: Timestamp = Timestamp(1_780_000_000_000);
/// A known secret that scrubbing must take out.
const SECRET: &str = "sw0rdfish-4711";

/// Every decoder of a record of the log. What could be read is a value like any other: it can be written, and reads as the same.
pub fn codec_record(bytes: &[u8]) {
    match decode_log_record(bytes) {
        Ok(LogRecord::Events(mut events)) => {
            while let Some(Ok(event)) = events.next() {
                survives_the_log(&event);
            }
        }
        Ok(LogRecord::Control { tenant, control }) => {
            let again = codec::encode_control(tenant, &control).expect("what was read can be written");
            let Ok(LogRecord::Control { tenant: tenant_again, control: control_again }) = decode_log_record(&again)
            else {
                panic!("a control record reads as something else")
            };
            assert_eq!((tenant, &control), (tenant_again, &control_again));
        }
        Err(_) => {}
    }
    if let Ok(alert) = codec::decode_alert(bytes) {
        let again = codec::encode_alert(&alert).expect("what was read can be written");
        assert_eq!(codec::decode_alert(&again).as_ref(), Ok(&alert));
    }
    if let Ok(delivery) = codec::decode_delivery(bytes) {
        let again = codec::encode_delivery(&delivery).expect("what was read can be written");
        assert_eq!(codec::decode_delivery(&again).as_ref(), Ok(&delivery));
    }
    if let Ok(letter) = codec::decode_dead_letter(bytes) {
        let again = codec::encode_dead_letter(&letter).expect("what was read can be written");
        assert_eq!(codec::decode_dead_letter(&again).as_ref(), Ok(&letter));
    }
    if let Ok(cursor) = codec::decode_feed_cursor(bytes) {
        let again = codec::encode_feed_cursor(&cursor).expect("what was read can be written");
        assert_eq!(codec::decode_feed_cursor(&again).as_ref(), Ok(&cursor));
    }
    if let Ok(order) = codec::decode_backfill(bytes) {
        let again = codec::encode_backfill(&order).expect("what was read can be written");
        assert_eq!(codec::decode_backfill(&again).as_ref(), Ok(&order));
    }
    if let Ok(gap) = codec::decode_gap(bytes) {
        let again = codec::encode_gap(&gap).expect("what was read can be written");
        assert_eq!(codec::decode_gap(&again).as_ref(), Ok(&gap));
    }
    if let Ok(expected) = codec::decode_expectation(bytes) {
        let again = codec::encode_expectation(&expected).expect("what was read can be written");
        assert_eq!(codec::decode_expectation(&again).as_ref(), Ok(&expected));
    }
    if let Ok(identity) = codec::decode_identity(bytes) {
        let again = codec::encode_identity(&identity).expect("what was read can be written");
        assert_eq!(codec::decode_identity(&again).as_ref(), Ok(&identity));
    }
    if let Ok((tenant, entry)) = codec::decode_ledger_entry(bytes) {
        let again = codec::encode_ledger_entry(tenant, &entry).expect("what was read can be written");
        assert_eq!(codec::decode_ledger_entry(&again), Ok((tenant, entry)));
    }
}

/// A delivery of Okta: split, parsed, clamped, written to the log and read back.
pub fn delivery_okta(bytes: &[u8]) {
    delivery(Source::Okta, bytes);
}

/// A delivery of Entra.
pub fn delivery_entra(bytes: &[u8]) {
    delivery(Source::Entra, bytes);
}

/// A delivery of a mapped source, under each mapping that ships: JSON by lines, by pages, and tables.
pub fn delivery_mapped(bytes: &[u8]) {
    for text in [
        include_str!("../../deploy/config/mappings/browser_extension.toml"),
        include_str!("../../deploy/config/mappings/card_statement.toml"),
        include_str!("../../deploy/config/mappings/jumpcloud.toml"),
        include_str!("../../deploy/config/mappings/push_security.toml"),
    ] {
        let mapping = Mapping::parse("mapping.toml", text).expect("what ships is in order");
        parted_delivery(Source::Mapped, Some(&mapping), bytes);
    }
}

/// A mapping file. One that can be read can be used, whatever comes.
pub fn mapping(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Mapping::parse("mapping.toml", text) {
        Ok(mapping) => {
            for body in [
                &br#"[{"id":"1","type":"a","at":1772357400,"who":"ann@example.com","list":[{}]}]"#[..],
                b"id,type,at,who\n1,a,1772357400,ann\n",
            ] {
                parted_delivery(Source::Mapped, Some(&mapping), body);
            }
        }
        Err(error) => {
            let lines = text.matches('\n').count() + 1;
            assert!(error.line >= 1 && error.line <= lines, "line {} of {lines}", error.line);
            // A key is the writer's own, and may hold a line's end behind an escape.
            assert!(!error.problem.contains('\n') || text.contains("\\n"), "more than one line: {error}");
        }
    }
}

/// A delivery of Google Workspace.
pub fn delivery_google_workspace(bytes: &[u8]) {
    delivery(Source::GoogleWorkspace, bytes);
}

/// A delivery of the unified audit log.
pub fn delivery_m365_ual(bytes: &[u8]) {
    delivery(Source::M365Ual, bytes);
}

/// A delivery of each of the products and smaller identity providers: the same bytes, read as all of them.
pub fn delivery_product(bytes: &[u8]) {
    for provider in
        [Source::Slack, Source::Github, Source::Auth0, Source::Onelogin, Source::Dropbox, Source::Salesforce]
    {
        delivery(provider, bytes);
    }
}

/// What is kept of an element that cannot be read.
pub fn scrub(bytes: &[u8]) {
    let scrubbed = scrub_text(bytes, &[SECRET]);
    assert!(!scrubbed.text.contains(SECRET), "the secret survived: {}", scrubbed.text);
    if scrubbed.is_redrivable {
        let read = serde_json::from_str::<serde::de::IgnoredAny>(&scrubbed.text);
        assert!(read.is_ok(), "cannot be put through again: {}", scrubbed.text);
    }
    // Fails on what is nested deeper than it allows, which the check before does not mind.
    if let Ok(read) = serde_json::from_str::<serde_json::Value>(&scrubbed.text) {
        assert!(!read.to_string().contains(SECRET), "the secret survived behind escapes: {}", scrubbed.text);
    }
}

/// The metadata of a commit.
pub fn plan(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(Some(plan)) = plan_source::Plan::parse(text) {
        assert!(plan.ranges.len() <= plan_source::RANGES_MAX);
        assert_eq!(plan_source::Plan::parse(&plan.to_metadata()), Ok(Some(plan)));
    }
}

/// A configuration: the file up to the first NUL, then `NAME=VALUE` of the environment up to the next, and so on.
pub fn config(bytes: &[u8]) {
    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Config {
        ingest: ingest::Config,
        connections: Vec<ConnectionConfig>,
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut parts = text.split('\0');
    let mut file = tempfile::NamedTempFile::new().expect("a file for the configuration");
    file.write_all(parts.next().unwrap_or_default().as_bytes()).expect("the configuration is written");
    let environment = parts
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_graphic()));
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    if let Err(error) = load_config::<Config>(Some(file.path()), environment) {
        assert!(!error.to_string().contains('\n'), "more than one line: {error}");
    }
}

/// A time as providers write it. What was read and is printed reads as the same.
pub fn time(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(read) = time_source::read(text) {
        let printed = read.at.to_string();
        assert_eq!(time_source::read(&printed).map(|again| again.at), Some(read.at), "{text:?} prints as {printed}");
    }
}

fn delivery(provider: Source, body: &[u8]) {
    parted_delivery(provider, None, body);
}

fn parted_delivery(provider: Source, mapping: Option<&Mapping>, body: &[u8]) {
    let own_markers = mapping.map(Mapping::markers).unwrap_or_default();
    // A table without the mapping's columns is refused whole.
    let Ok(mut pieces) = Pieces::open(body, provider, mapping, &own_markers, ELEMENTS_MAX) else { return };
    let mut end = body.as_ptr() as usize;
    let mut count = 0;
    while let Some(Piece { element, source, row }) = pieces.next_piece() {
        // Addresses, because an element is a slice of the body: in order, inside, and without overlap.
        let range = element.bytes.as_ptr_range();
        assert!(end <= range.start as usize, "elements overlap");
        end = range.end as usize;
        assert!(end <= body.as_ptr_range().end as usize, "an element outside of the body");
        count += 1;
        let context = ParseContext {
            envelope_source: source,
            mapping,
            row,
            received_at: Some(RECEIVED_AT),
            ..ParseContext::new("acme", "acme-fuzz", &KEY)
        };
        let mut outcomes = 0;
        parse_element(provider, &element, &context, &mut |outcome| {
            outcomes += 1;
            if let Outcome::Event(event, _) = outcome {
                survives_the_log(&clamp(event, RECEIVED_AT));
            }
        });
        assert!(outcomes > 0, "an element without an end");
    }
    assert!(count <= ELEMENTS_MAX + 1, "{count} elements");
}

/// What is written to the log is read back as the same.
fn survives_the_log(event: &Event<'_>) {
    let mut writer = BatchWriter::new(BatchHeader::of(event));
    if writer.push(event).is_err() {
        return;
    }
    let record = writer.finish();
    let Ok(LogRecord::Events(mut events)) = decode_log_record(&record) else { panic!("a batch that cannot be read") };
    assert_eq!(events.next().and_then(Result::ok).as_ref(), Some(event));
    assert!(events.next().is_none());
}
