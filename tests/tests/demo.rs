//! The whole, from native events to alerts, in a small company: the same on the embedded log and on real Apache Kafka.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tests::servers::kafka::KafkaServer;

/// A small company, and a live phase of ten seconds.
const COMPANY: &[&str] = &["--people", "50", "--days", "3", "--live-seconds", "10", "--seed", "7"];

/// Runs the demo and reads its summary. The demo itself fails when a row, an incident or a dead letter is missing.
fn demo(out: &Path, more: &[&str]) -> Value {
    let binary = tests::servers::binary().unwrap();
    let output = Command::new(&binary).arg("demo").args(COMPANY).args(more).arg("--out").arg(out).output();
    let output = output.unwrap();
    assert!(output.status.success(), "the demo failed:\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_rows_and_alerts_on_the_embedded_log_and_on_kafka() {
    let folder: PathBuf = tempfile::tempdir().unwrap().keep();
    let kafka = KafkaServer::start().unwrap();
    println!("started Kafka at {}", kafka.bootstrap);
    let embedded = demo(&folder.join("embedded"), &[]);
    let on_kafka = demo(&folder.join("kafka"), &["--kafka", &kafka.bootstrap]);
    for key in [
        "events",
        "rows",
        "duplicates",
        "ignored",
        "rejected",
        "dead_letters",
        "incidents",
        "rows_checksum",
        "alerts_checksum",
    ] {
        assert_eq!(embedded[key], on_kafka[key], "{key}");
    }
    assert!(embedded["rows"].as_u64().unwrap() > 1_000, "{embedded}");
    fs::remove_dir_all(folder).unwrap();
}
