//! `replay FILE…`: files of native events, sent to a running ingest as a provider would send them.

use std::{fs, path::Path};

use anyhow::{Context, bail};
use ingest::delivery::{Elements, Framing};
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
    let url = format!("{}/v1/events/{}", args.url.trim_end_matches('/'), args.connection);
    let client = reqwest::Client::new();
    let mut totals = [0u64; 5];
    for path in &args.files {
        for body in bodies(path)? {
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

/// A file in parts that ingest takes: its elements, as arrays.
fn bodies(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let file = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    if file.len() <= BODY_BYTES_MAX {
        return Ok(vec![file]);
    }
    let (mut bodies, mut body, mut events) = (Vec::new(), Vec::new(), 0);
    for element in Elements::new(&file, FRAMING, usize::MAX) {
        if events == EVENTS_MAX || body.len() + element.bytes.len() > BODY_BYTES_MAX {
            close(&mut body, &mut bodies);
            events = 0;
        }
        body.push(if events == 0 { b'[' } else { b',' });
        body.extend_from_slice(element.bytes);
        events += 1;
    }
    close(&mut body, &mut bodies);
    Ok(bodies)
}

fn close(body: &mut Vec<u8>, bodies: &mut Vec<Vec<u8>>) {
    if !body.is_empty() {
        body.push(b']');
        bodies.push(std::mem::take(body));
    }
}
