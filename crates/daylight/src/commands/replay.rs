//! `replay FILE…`: files of native events, sent to a running ingest as a provider would send them.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use event::Source;
use ingest::{
    delivery::{Elements, Framing},
    parse::{Mapping, Piece, Pieces, Rows},
    read_mapping,
};
use runtime::SecretSource;
use serde_json::Value;

use crate::{
    cli::ReplayArgs,
    commands::{note, say},
};

/// Bytes of one request: well below what ingest takes.
const BODY_BYTES_MAX: usize = 2 << 20;
/// Events of one request.
const EVENTS_MAX: usize = 2_000;
/// No envelope is opened: which provider the connection speaks is known to the process that is sent to, not here, and what is a page of
/// one is a field of another's event.
const WHOLE: Framing<'_> = Framing { markers: &[], pages: &[] };
/// The pages of Okta, Microsoft and Google, for one that is larger than a request may be.
const PAGES: Framing<'_> = Framing { markers: &[], pages: &[b"records", b"value", b"items", b"data.events"] };
/// What ingest answers, added up.
const COUNTS: [&str; 5] = ["read", "events", "duplicates", "ignored", "rejected"];

pub(crate) async fn run(args: ReplayArgs) -> anyhow::Result<()> {
    let secret = args.secret_file.clone().map(|path| SecretSource::File(path).read()).transpose()?;
    let secret = secret.map(|secret| secret.expose().to_owned()).unwrap_or_default();
    let mapping = args.mapping.as_deref().map(read_mapping).transpose()?;
    let url = format!("{}/v1/events/{}", args.url.trim_end_matches('/'), args.connection);
    let client = reqwest::Client::new();
    let mut totals = [0u64; 5];
    for path in &args.files {
        for body in bodies(path, mapping.as_ref())? {
            let request = client.post(&url).header("authorization", format!("Bearer {secret}")).body(body);
            let response = request.send().await.with_context(|| format!("no ingest answers at {}", args.url))?;
            let status = response.status();
            let text = response.text().await?;
            if !status.is_success() {
                bail!("{}: ingest refused a part with {status}: {text}", path.display());
            }
            let receipt: Value =
                serde_json::from_str(&text).context("ingest answered something else than a receipt")?;
            for (total, name) in totals.iter_mut().zip(COUNTS) {
                *total += receipt.get(name).and_then(Value::as_u64).unwrap_or(0);
            }
        }
        note(&format!("{}: sent", path.display()));
    }
    let parts: Vec<String> = COUNTS.iter().zip(totals).map(|(name, total)| format!("\"{name}\":{total}")).collect();
    say(&format!("{{{}}}", parts.join(",")));
    Ok(())
}

/// A file in parts that ingest takes: its values, a line each; with a mapping its elements, as arrays, or its rows under their header.
fn bodies(path: &Path, mapping: Option<&Mapping>) -> anyhow::Result<Vec<Vec<u8>>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if file.len() <= BODY_BYTES_MAX {
        return Ok(vec![file]);
    }
    let Some(mapping) = mapping else { return Ok(lines(&file)) };
    let own_markers = mapping.markers();
    let mut pieces = Pieces::open(&file, Source::Mapped, Some(mapping), &own_markers, usize::MAX)
        .with_context(|| format!("cannot part {}", path.display()))?;
    let mut parts = Parts::new(mapping.is_csv().then(|| Rows::header(&file, mapping)));
    while let Some(Piece { element, .. }) = pieces.next_piece() {
        parts.add(element.bytes);
    }
    Ok(parts.finish())
}

/// The values of a file, a line each: elements of an array, and lines with whatever envelope they have. A page that is larger than a part
/// is taken apart.
fn lines(file: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Parts::new(Some(&[]));
    for value in Elements::new(file, WHOLE, usize::MAX) {
        if value.bytes.len() <= BODY_BYTES_MAX {
            parts.add(value.bytes);
        } else {
            Elements::new(value.bytes, PAGES, usize::MAX).for_each(|event| parts.add(event.bytes));
        }
    }
    parts.finish()
}

/// Bodies in the making.
struct Parts<'f> {
    /// What each body of lines begins with: a table's header, or nothing. None: a body is an array.
    header: Option<&'f [u8]>,
    bodies: Vec<Vec<u8>>,
    body: Vec<u8>,
    events: usize,
}

impl<'f> Parts<'f> {
    const fn new(header: Option<&'f [u8]>) -> Parts<'f> {
        Parts { header, bodies: Vec::new(), body: Vec::new(), events: 0 }
    }

    fn add(&mut self, piece: &[u8]) {
        if self.events == EVENTS_MAX || self.body.len() + piece.len() > BODY_BYTES_MAX {
            self.close();
        }
        match (self.header, self.events) {
            (Some(header), 0) => self.body.extend_from_slice(header),
            (Some(_), _) => {}
            (None, 0) => self.body.push(b'['),
            (None, _) => self.body.push(b','),
        }
        self.body.extend_from_slice(piece);
        if self.header.is_some() {
            self.body.push(b'\n');
        }
        self.events += 1;
    }

    fn close(&mut self) {
        if self.events > 0 {
            if self.header.is_none() {
                self.body.push(b']');
            }
            self.bodies.push(std::mem::take(&mut self.body));
            self.events = 0;
        }
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
        self.close();
        self.bodies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_envelopes_and_arrays_and_large_pages_are_taken_apart() {
        let text = "x".repeat(1_000);
        let hook =
            format!(r#"{{"source":"https://acme.okta.example/x","data":{{"events":[{{"eventType":"{text}"}}]}}}}"#);
        let webhook = format!(r#"{{"action":"hook.create","data":{{"events":["push","fork"]}},"x":"{text}"}}"#);
        for (shape, file, value) in [
            ("lines of hooks", format!("{hook}\n").repeat(5_000), hook.as_str()),
            ("lines of webhooks", format!("{webhook}\n").repeat(5_000), webhook.as_str()),
            ("an array", format!("[{}]", vec![webhook.as_str(); 5_000].join(",")), webhook.as_str()),
            ("a page", format!(r#"{{"records":[{}]}}"#, vec![webhook.as_str(); 5_000].join(",")), webhook.as_str()),
        ] {
            let parts = lines(file.as_bytes());
            let told: Vec<&str> =
                parts.iter().flat_map(|part| std::str::from_utf8(part).unwrap_or_default().lines()).collect();
            assert!(told.len() == 5_000 && told.iter().all(|line| *line == value), "{shape}: {} lines", told.len());
            assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= BODY_BYTES_MAX + EVENTS_MAX), "{shape}");
        }
    }
}
