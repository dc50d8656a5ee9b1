//! `parse --provider P FILE…`: provider files in, canonical events out, nothing stored.
//!
//! Events go to standard output, one JSON object a line; rejects and the sums go to standard error, the sums as the last line.

use std::io::{self, BufWriter, Write};

use event::TenantKey;
use ingest::parse::{FileOptions, parse_files};
use serde_json::json;

use crate::{cli::ParseArgs, commands::note, service};

/// Pseudonyms of `parse` are the same in every run and tell nothing about any tenant's.
const PARSE_KEY: TenantKey = TenantKey::new(*b"daylight parse: no tenant's key.");

pub(crate) fn run(args: &ParseArgs) -> anyhow::Result<()> {
    service::load_catalogue()?;
    let options = FileOptions {
        provider: args.provider,
        is_clear: args.clear,
        tenant_key: &PARSE_KEY,
        is_first_party: service::is_first_party,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let counts = parse_files(&options, &args.files, &mut out)?;
    out.flush()?;
    for (native_type, count) in &counts.ignored_by_type {
        note(&format!("ignored {count} {native_type}"));
    }
    for reject in &counts.rejects {
        note(&format!("rejected {reject}"));
    }
    // In this order, and not in that of the alphabet: it reads as the sum that it is.
    note(&format!(
        "{{\"read\":{},\"events\":{},\"ignored\":{},\"rejected\":{}}}",
        json!(counts.read),
        json!(counts.events),
        json!(counts.ignored),
        json!(counts.rejected)
    ));
    Ok(())
}
