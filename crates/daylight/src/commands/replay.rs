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
/// The pages of Okta, Entra and Graph. Which provider the connection speaks is known to the process that is sent to, not here.
const FRAMING: Framing<'_> = Framing { markers: &[], pages: &[b"records", b"value", b"items", b"data.events"] };
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

/// A file in parts that ingest takes: its elements, as arrays, or its rows under their header.
fn bodies(path: &Path, mapping: Option<&Mapping>) -> anyhow::Result<Vec<Vec<u8>>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if file.len() <= BODY_BYTES_MAX {
        return Ok(vec![file]);
    }
    let own_markers = mapping.map(Mapping::markers).unwrap_or_default();
    let mut pieces = match mapping {
        Some(_) => Pieces::open(&file, Source::Mapped, mapping, &own_markers, usize::MAX)
            .with_context(|| format!("cannot part {}", path.display()))?,
        None => Pieces::Elements(Box::new(Elements::new(&file, FRAMING, usize::MAX))),
    };
    let mut parts = Parts::new(mapping.filter(|mapping| mapping.is_csv()).map(|mapping| Rows::header(&file, mapping)));
    while let Some(Piece { element, .. }) = pieces.next_piece() {
        parts.add(element.bytes);
    }
    Ok(parts.finish())
}

/// Bodies in the making.
struct Parts<'f> {
    /// What each body begins with, where it is a table.
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
