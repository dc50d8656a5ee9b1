//! `parse --provider P FILE…`: provider files in, canonical events out, nothing stored.
//!
//! Events go to standard output, one JSON object a line; rejects and the sums go to standard error, the sums as the last line.

use std::io::{self, BufWriter, Write};

use event::{Source, TenantKey};
use ingest::{
    parse::{FileOptions, Mapping, parse_files},
    read_mapping,
};
use serde_json::json;

use crate::{
    cli::ParseArgs,
    commands::note,
    service::{self, BadConfig},
};

/// Pseudonyms of `parse` are the same in every run and tell nothing about any tenant's.
const PARSE_KEY: TenantKey = TenantKey::new(*b"daylight parse: no tenant's key.");

pub(crate) fn run(args: &ParseArgs) -> anyhow::Result<()> {
    let mapping = mapping(args)?;
    service::load_catalogue()?;
    let options = FileOptions {
        provider: args.provider,
        is_clear: args.clear,
        tenant_key: &PARSE_KEY,
        is_first_party: service::is_first_party,
        mapping: mapping.as_ref(),
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

/// The mapping, which a mapped source needs and no other takes.
fn mapping(args: &ParseArgs) -> anyhow::Result<Option<Mapping>> {
    match (&args.mapping, args.provider == Source::Mapped) {
        (Some(path), true) => Ok(Some(read_mapping(path).map_err(|error| BadConfig(error.to_string()))?)),
        (None, false) => Ok(None),
        (None, true) => Err(BadConfig("--provider mapped needs --mapping FILE".into()).into()),
        (Some(_), false) => Err(BadConfig("--mapping is for --provider mapped".into()).into()),
    }
}
