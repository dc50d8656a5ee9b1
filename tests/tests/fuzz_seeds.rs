//! The fuzz targets on their seeds, with every `make test`, so that neither a target nor a seed rots between two runs of `make fuzz`.
//! A finding of the fuzzer becomes a seed here, and a test of the room that it was found in.

#![cfg(test)]

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "public for libFuzzer's entries in fuzz/fuzz_targets")]
mod fuzz;

use std::{collections::BTreeSet, fs, path::Path};

use codec::Schema;

/// A target: its name, what it does, and where its seeds lie.
type Target = (&'static str, fn(&[u8]), &'static str);

const TARGETS: &[Target] = &[
    ("codec_record", fuzz::codec_record, "fuzz/seeds/codec_record"),
    ("config", fuzz::config, "fuzz/seeds/config"),
    ("delivery_entra", fuzz::delivery_entra, "crates/ingest/tests/fixtures/entra"),
    ("delivery_google_workspace", fuzz::delivery_google_workspace, "crates/ingest/tests/fixtures/google"),
    ("delivery_mapped", fuzz::delivery_mapped, "crates/ingest/tests/fixtures/mapped"),
    ("delivery_m365_ual", fuzz::delivery_m365_ual, "crates/ingest/tests/fixtures/ual"),
    ("delivery_okta", fuzz::delivery_okta, "crates/ingest/tests/fixtures/okta"),
    ("delivery_product", fuzz::delivery_product, "crates/ingest/tests/fixtures/auth0"),
    ("delivery_product", fuzz::delivery_product, "crates/ingest/tests/fixtures/dropbox"),
    ("delivery_product", fuzz::delivery_product, "crates/ingest/tests/fixtures/github"),
    ("delivery_product", fuzz::delivery_product, "crates/ingest/tests/fixtures/onelogin"),
    ("delivery_product", fuzz::delivery_product, "crates/ingest/tests/fixtures/salesforce"),
    ("delivery_product", fuzz::delivery_product, "crates/ingest/tests/fixtures/slack"),
    ("mapping", fuzz::mapping, "deploy/config/mappings"),
    ("plan", fuzz::plan, "fuzz/seeds/plan"),
    ("scrub", fuzz::scrub, "fuzz/seeds/scrub"),
    ("time", fuzz::time, "fuzz/seeds/time"),
];

fn workspace() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn seeds(folder: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(workspace().join(folder)).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let seeds: Vec<Vec<u8>> = files.collect();
    assert!(seeds.len() >= 3, "{folder} holds only {} seeds", seeds.len());
    seeds
}

#[test]
fn every_target_keeps_its_promises_on_its_seeds_whole_and_cut_anywhere() {
    for (_, target, folder) in TARGETS {
        for seed in seeds(folder) {
            target(&seed);
            // Each beginning of a short seed, and a hundred of a long one.
            for length in (0..seed.len()).step_by(seed.len() / 100 + 1) {
                target(&seed[..length]);
            }
        }
    }
}

#[test]
fn every_target_has_an_entry_and_every_entry_a_target() {
    let entries = fs::read_dir(workspace().join("fuzz/fuzz_targets")).unwrap();
    let names = entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let manifest = fs::read_to_string(workspace().join("fuzz/Cargo.toml")).unwrap();
    let listed: BTreeSet<String> =
        manifest.split("[[bin]]\nname = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(names.collect::<BTreeSet<_>>(), targets);
    assert_eq!(listed, targets);
}

/// A target without its seeds finds nothing, or does not even begin.
#[test]
fn make_fuzz_gives_each_target_the_seeds_that_are_run_here() {
    let script = fs::read_to_string(workspace().join("fuzz/run.sh")).unwrap();
    for (name, _, folder) in TARGETS {
        let case = script.lines().find(|line| line.trim_start().starts_with(&format!("{name})")));
        let last = folder.rsplit('/').next().unwrap();
        let is_fed = case.map_or(*folder == format!("fuzz/seeds/{name}"), |line| line.contains(last));
        assert!(is_fed, "{name} is not fed from {folder}: {case:?}");
    }
}

#[test]
fn the_seeds_of_the_codec_are_records_of_every_kind_there_is() {
    let kind = |schema: Schema| schema.name().split('.').next().unwrap();
    let mut found = BTreeSet::new();
    for seed in seeds("fuzz/seeds/codec_record") {
        let schema = Schema::from_id(u32::from_be_bytes(seed[1..5].try_into().unwrap())).unwrap();
        let is_read = codec::decode_log_record(&seed).is_ok()
            || codec::decode_alert(&seed).is_ok()
            || codec::decode_delivery(&seed).is_ok()
            || codec::decode_dead_letter(&seed).is_ok()
            || codec::decode_identity(&seed).is_ok()
            || codec::decode_ledger_entry(&seed).is_ok()
            || codec::decode_cursor_record(&seed).is_ok()
            || codec::decode_gap_record(&seed).is_ok();
        assert!(is_read, "a seed of {schema} that this build cannot read: what was written once must stay readable");
        found.insert(kind(schema));
    }
    assert_eq!(found, Schema::ALL.iter().map(|schema| kind(*schema)).collect(), "a kind of record without a seed");
}
