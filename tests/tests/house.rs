//! The house rules that a machine can check, as one test each, so that a review can speak of what matters.

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

/// House rule 7: production lines of one file.
const FILE_LINES_MAX: usize = 500;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file that git knows or would add, with its text; binary files left out.
fn files(suffix: &str) -> Vec<(String, String)> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(workspace())
        .output()
        .expect("git lists the files of the project");
    assert!(output.status.success(), "git ls-files failed: run the tests in a clone");
    let listed = String::from_utf8(output.stdout).unwrap();
    let names = listed.lines().filter(|name| name.ends_with(suffix));
    names.filter_map(|name| Some((name.to_owned(), fs::read_to_string(workspace().join(name)).ok()?))).collect()
}

/// The part of a source file that ships: up to its tests.
fn production(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap_or(text)
}

fn offenders(suffix: &str, is_offence: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let all = files(suffix);
    assert!(all.len() > 3, "only {} files end in {suffix}: the list is broken", all.len());
    all.into_iter().filter(|(name, text)| is_offence(name, text)).map(|(name, _)| name).collect()
}

#[test]
fn every_source_file_opens_with_its_module_doc() {
    let found = offenders(".rs", |_, text| !text.starts_with("//!"));
    assert!(found.is_empty(), "no `//!` in the first line: {found:?}");
}

#[test]
fn no_file_is_longer_than_500_production_lines() {
    let found =
        offenders(".rs", |name, text| !name.contains("/tests/") && production(text).lines().count() > FILE_LINES_MAX);
    assert!(found.is_empty(), "split by meaning: {found:?}");
}

#[test]
fn nothing_is_left_open_or_ignored() {
    // Assembled, so that this file does not find itself.
    let marks =
        [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat(), ["#[ig", "nore"].concat()];
    let found = offenders(".rs", |_, text| marks.iter().any(|mark| text.contains(mark.as_str())));
    assert!(found.is_empty(), "left open: {found:?}");
}

#[test]
fn no_test_sleeps_for_luck() {
    let found =
        offenders(".rs", |name, text| name.contains("/tests/") && text.contains(&["thread::", "sleep"].concat()));
    assert!(found.is_empty(), "poll with a deadline (tests::poll) instead of sleeping: {found:?}");
}

/// A verdict is worked out again from the log: whatever a pure crate asked of the moment or of the machine would be another answer then.
#[test]
fn pure_crates_ask_neither_clock_nor_machine() {
    let pure = ["event", "codec", "catalog", "enrichment", "detection", "simulator"];
    let outside =
        ["SystemTime", "Instant", "fs::", "File::", "thread::", "TcpStream", "UdpSocket", "Command::new", "env::var"];
    let found = offenders(".rs", |name, text| {
        let is_pure = pure.iter().any(|room| name.starts_with(&format!("crates/{room}/src/")));
        is_pure && outside.iter().any(|name| production(text).contains(name))
    });
    assert!(found.is_empty(), "move it to an edge, or hand the value in: {found:?}");
}

#[test]
fn no_room_is_a_drawer() {
    let found = offenders(".rs", |name, _| {
        ["common", "util", "utils", "helpers", "misc", "core", "types"]
            .iter()
            .any(|drawer| name.split('/').any(|part| part.trim_end_matches(".rs") == *drawer))
    });
    assert!(found.is_empty(), "name it by its meaning: {found:?}");
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let mut names: Vec<String> = files(".sql").into_iter().map(|(name, _)| name).collect();
    names.retain(|name| name.starts_with("schemas/clickhouse/") && name.matches('/').count() == 2);
    names.sort();
    for (index, name) in names.iter().enumerate() {
        let number = format!("schemas/clickhouse/{:04}_", index + 1);
        assert!(name.starts_with(&number), "{name} should begin with {number}");
    }
    assert!(!names.is_empty(), "no migration found");
}
