//! Mistakes made on purpose (`crates/mutation`) are in no program that anybody runs: no default feature brings them, nothing but the
//! selftest of the harness asks for them, and the binary under test holds none.

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

use tests::servers::binary;

/// The one text that every program with mistakes holds: the variable of the environment that names the mistake. Assembled, so that this
/// test does not find itself.
fn mark() -> String {
    ["DAYLIGHT_", "MUTATION"].concat()
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn listed(patterns: &[&str]) -> Vec<(String, String)> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--"])
        .args(patterns)
        .current_dir(workspace())
        .output()
        .expect("git lists the files of the project");
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().filter_map(|name| Some((name.to_owned(), fs::read_to_string(workspace().join(name)).ok()?))).collect()
}

#[test]
fn no_default_and_no_dependency_brings_mistakes() {
    let manifests = listed(&["Cargo.toml", "**/Cargo.toml"]);
    assert!(manifests.len() > 12, "only {} manifests: the list is broken", manifests.len());
    for (path, text) in &manifests {
        let manifest: toml::Table = toml::from_str(text).unwrap();
        let features = manifest.get("features").and_then(toml::Value::as_table);
        assert!(features.is_none_or(|features| !features.contains_key("default")), "{path} has a default feature");
        // Whoever asks for it does so in a feature of its own, never in the line of a dependency.
        let asks = |line: &&str| line.contains("mutation") && line.contains("features");
        assert!(!text.lines().any(|line| asks(&line)), "{path} asks for mistakes");
        let forwards = text.contains("mutation/made");
        assert!(!forwards || path == "crates/daylight/Cargo.toml", "{path} forwards them");
    }
}

#[test]
fn nothing_but_the_selftest_builds_with_mistakes() {
    let files = listed(&["Makefile", ".ci/*", "deploy/**", "*.sh", "**/*.sh", ".cargo/**", "**/Containerfile"]);
    assert!(files.iter().any(|(name, _)| name == "Makefile"), "the list is broken");
    for (name, text) in &files {
        let builds: Vec<&str> =
            text.lines().filter(|line| line.contains("features") && !line.starts_with('#')).collect();
        let is_selftest = |line: &&&str| name == "Makefile" && line.contains("--features mutations");
        assert_eq!(builds.iter().filter(is_selftest).count(), builds.len(), "{name} chooses features: {builds:?}");
        assert!(builds.len() <= 1, "one line builds for the selftest: {builds:?}");
    }
}

#[test]
fn the_binary_under_test_holds_no_mistake() {
    let binary = binary().unwrap();
    let version = Command::new(&binary).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    assert!(version.starts_with("daylight ") && !version.contains("mistakes"), "{version}");
    let holds = |path: &Path, text: &str| {
        let found = Command::new("grep").args(["-c", "-a", "-F", text]).arg(path).output().expect("grep");
        !found.stdout.starts_with(b"0")
    };
    assert!(holds(&binary, "with its log and ClickHouse on this machine"), "grep finds what is there");
    // The one that is released stands beside it, where somebody has built it.
    let released = binary.parent().and_then(Path::parent).unwrap().join("release/daylight");
    for program in [&binary, &released].into_iter().filter(|program| program.exists()) {
        assert!(!holds(program, &mark()), "{} was built with mistakes", program.display());
    }
}
