//! Splitting and parsing native events, one provider after the other: the fixtures of the parsers' tests, repeated to a full page. An event of
//! a fixture is smaller than many a real one, so its bytes stand beside the figure.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use event::{Source, TenantKey};
use ingest::parse::{ParseContext, parse_body};

use crate::{accounting, allocations};

/// The providers whose own format is parsed.
pub const PROVIDERS: [&str; 10] =
    ["okta", "entra", "google_workspace", "m365_ual", "slack", "github", "auth0", "onelogin", "dropbox", "salesforce"];
/// Those of them of which most events come: identity providers, whose instructions are counted.
pub const COUNTED: [&str; 4] = ["okta", "entra", "google_workspace", "m365_ual"];
/// Bytes of one body.
const BODY_BYTES: usize = 4 << 20;

/// What parsing cost.
pub struct Parsed {
    /// Events.
    pub events: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Time of the processor.
    pub cpu: Duration,
    /// How often memory was asked for.
    pub allocations: u64,
}

/// Parses a body of a provider until so many events were read.
pub fn parse(provider: &str, events: u64) -> anyhow::Result<Parsed> {
    run(provider, |parsed, _| parsed >= events)
}

/// Parses a body of a provider so often.
pub fn turns(provider: &str, turns: u64) -> anyhow::Result<Parsed> {
    run(provider, |_, done| done >= turns)
}

/// Parses a body until it `is_enough`: events and turns so far.
fn run(provider: &str, is_enough: impl Fn(u64, u64) -> bool) -> anyhow::Result<Parsed> {
    let source = Source::ALL.iter().copied().find(|source| source.as_str() == provider).context("no such provider")?;
    let body = body(source)?;
    let key = TenantKey::new([7; 32]);
    let context = ParseContext::new("acme", "bench", &key);
    let parse = || {
        let mut read = 0;
        parse_body(source, &body, &context, usize::MAX, &mut |_, _| read += 1);
        read
    };
    let of_one: u64 = parse();
    ensure!(of_one > 0, "the fixtures of {provider} hold no event");
    let (before, began) = (allocations::count(), accounting::this_thread());
    let (mut events, mut turns) = (0, 0);
    while !is_enough(events, turns) {
        let of_this = parse();
        ensure!(of_this == of_one, "the same body held {of_one} events and then {of_this}");
        (events, turns) = (events + of_this, turns + 1);
    }
    let (cpu, allocations) = (accounting::this_thread() - began, allocations::count() - before);
    Ok(Parsed { events, bytes: turns * body.len() as u64, cpu, allocations })
}

/// The fixtures of a provider, one a line without layout, again and again.
fn body(source: Source) -> anyhow::Result<Vec<u8>> {
    let name = match source {
        Source::GoogleWorkspace => "google",
        Source::M365Ual => "ual",
        other => other.as_str(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/ingest/tests/fixtures").join(name);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("no fixtures in {}", folder.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        texts.push(without_layout(&fs::read_to_string(file)?));
    }
    let mut body = Vec::with_capacity(BODY_BYTES);
    for text in texts.iter().cycle() {
        if body.len() + text.len() >= BODY_BYTES {
            break;
        }
        body.extend_from_slice(text.as_bytes());
        body.push(b'\n');
    }
    Ok(body)
}

/// As providers send it: without the spaces that a fixture has for people.
fn without_layout(text: &str) -> String {
    let (mut is_in_text, mut is_escaped) = (false, false);
    let is_kept = |c: &char| {
        let is_layout = !is_in_text && c.is_ascii_whitespace();
        is_in_text ^= *c == '"' && !is_escaped;
        is_escaped = is_in_text && !is_escaped && *c == '\\';
        !is_layout
    };
    text.chars().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_goes_and_spaces_in_texts_stay() {
        assert_eq!(without_layout("{ \"a b\" : \"c \\\" d\" }\n"), r#"{"a b":"c \" d"}"#);
    }

    #[test]
    fn every_provider_of_the_cases_has_fixtures() {
        for provider in PROVIDERS {
            assert!(parse(provider, 1).unwrap().events > 0, "{provider}");
        }
    }
}
