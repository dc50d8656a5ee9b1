//! The walls: who may import whom, and which crate owns which dependency from outside. A new crate or dependency needs a line here, and
//! the line is where a reviewer asks why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Our crates: what each may import, of ours and of others'. Dev-dependencies are not walled: tests may look from anywhere.
///
/// Pure crates (event, codec, catalog, enrichment, detection) know no edge (broker, store, runtime) and edges know no pure crate;
/// processes never import each other; only `daylight` knows them all. `simulator` knows nobody, and nobody but `daylight` knows it:
/// the truth of the demo comes from its own schedule.
const MAY_IMPORT: &[(&str, &str, &str)] = &[
    // Pure.
    ("event", "", "blake3 unicode-normalization xxhash-rust"),
    ("codec", "event", "thiserror"),
    ("catalog", "event", "blake3 thiserror unicode-normalization unicode-security"),
    ("enrichment", "catalog event", "blake3 csv hashbrown jiff thiserror"),
    ("detection", "catalog enrichment event", "hashbrown"),
    ("simulator", "", ""),
    // Nothing but a name and a `false` in every build but the harness's own: mistakes made on purpose.
    ("mutation", "", ""),
    // Edges.
    ("broker", "mutation", "fjall rdkafka thiserror tokio tracing"),
    (
        "store",
        "",
        "bytes clickhouse hashbrown hyper-tls hyper-util libloading native-tls reqwest serde sha2 thiserror tokio tracing",
    ),
    (
        "runtime",
        "",
        "axum hyper-util native-tls prometheus reqwest serde subtle thiserror tokio tokio-util toml tracing tracing-subscriber",
    ),
    // Processes.
    // csv and toml: tables and mapping files of sources that nobody wrote a parser for.
    (
        "ingest",
        "broker codec event runtime",
        // `openssl` signs what service accounts state; `base64` writes it.
        "axum base64 csv flate2 hashbrown openssl prometheus reqwest serde serde_json sha2 thiserror tokio toml tracing unicode-normalization zstd",
    ),
    (
        "detect",
        "broker catalog codec detection enrichment event mutation runtime",
        "blake3 prometheus serde thiserror tokio tracing",
    ),
    (
        "sink",
        "broker codec enrichment event mutation runtime store",
        "hashbrown prometheus serde sha2 thiserror tokio tracing",
    ),
    (
        "notify",
        "broker codec event runtime",
        "base64 hashbrown hmac prometheus reqwest serde serde_json sha2 thiserror tokio tracing",
    ),
    (
        "daylight",
        // `detection` for its list of rules: `connections` says which of them the configured sources let work.
        "broker catalog codec detect detection enrichment event ingest mutation notify runtime simulator sink store",
        "anyhow axum base64 clap hmac indicatif mimalloc reqwest rustix serde serde_json sha2 thiserror tokio tracing",
    ),
];

/// Dependencies that belong to one room, whatever the table above would let in.
const OWNED: &[(&str, &[&str])] = &[
    ("rdkafka", &["broker"]),
    ("fjall", &["broker"]),
    ("clickhouse", &["store"]),
    ("libloading", &["store"]),
    // TLS is one library, the system's OpenSSL (docs/adr/0010). `openssl` itself is for signatures and keys: nobody's `Cargo.toml` names a
    // second library, and deny.toml keeps it out of the tree.
    // `runtime` says whom we trust; `store` hands that on to the client of the `clickhouse` crate, which is hyper's.
    ("openssl", &["ingest"]),
    ("native-tls", &["runtime", "store"]),
    ("hyper-tls", &["store"]),
    // And what listens has limits that axum's own server does not.
    ("hyper-util", &["runtime", "store"]),
    ("rustls", &[]),
    ("ring", &[]),
    ("axum", &["runtime", "ingest", "daylight"]),
    ("tracing-subscriber", &["runtime"]),
    ("anyhow", &["daylight"]),
    // `statvfs`, for the room on the disk: std does not tell it, and tempfile (by fjall) brings rustix along anyway.
    ("rustix", &["daylight"]),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Crate → names of its `[dependencies]`.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(workspace().join("crates")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        let mut names = BTreeSet::new();
        for section in ["dependencies", "build-dependencies"] {
            if let Some(table) = manifest.get(section).and_then(toml::Value::as_table) {
                names.extend(table.keys().cloned());
            }
        }
        all.insert(name, names);
    }
    all
}

#[test]
fn every_crate_imports_only_what_its_line_names() {
    let ours: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, ..)| *name).collect();
    let mut trespasses = Vec::new();
    for (name, imports) in dependencies() {
        let Some((_, inside, outside)) = MAY_IMPORT.iter().find(|(known, ..)| *known == name) else {
            trespasses.push(format!("{name} has no line in the table"));
            continue;
        };
        for import in imports {
            let allowed = if ours.contains(import.as_str()) { inside } else { outside };
            if !allowed.split(' ').any(|name| name == import) {
                trespasses.push(format!("{name} imports {import}"));
            }
        }
    }
    assert!(trespasses.is_empty(), "walls broken:\n  {}", trespasses.join("\n  "));
}

#[test]
fn what_belongs_to_one_room_is_imported_there_only() {
    let all = dependencies();
    for (outside, owners) in OWNED {
        for (name, imports) in &all {
            assert!(
                !imports.contains(*outside) || owners.contains(&name.as_str()),
                "{outside} belongs to {owners:?}, and {name} imports it"
            );
        }
    }
}

#[test]
fn the_table_names_no_crate_that_does_not_exist() {
    let all = dependencies();
    for (name, ..) in MAY_IMPORT {
        assert!(all.contains_key(*name), "the table has a line for {name}, which is not in crates/");
    }
}
