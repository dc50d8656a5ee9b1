//! From nothing to a configuration that runs.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use anyhow::ensure;
use tests::servers::binary;

use crate::shell::{Said, run};

fn daylight(folder: &std::path::Path, words: &[&str]) -> anyhow::Result<Said> {
    run(Command::new(binary()?).args(words).current_dir(folder))
}

#[test]
fn a_newcomer_names_the_identity_provider_and_has_a_configuration_with_secrets() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let said = daylight(folder.path(), &["init"])?;
    ensure!(said.code == 1 && said.err.contains("--okta"), "{}", said.err);
    let said = daylight(folder.path(), &["init", "--okta", "acme.okta.com\"\n"])?;
    ensure!(said.code == 1 && said.err.contains("letters, digits"), "{}", said.err);
    ensure!(fs::read_dir(folder.path())?.count() == 0, "a refusal leaves nothing behind");

    let words = ["init", "--okta", "https://acme.okta.com/", "--entra", "b7e30000-1111-4000-8000-000000000001"];
    let said = daylight(folder.path(), &words)?;
    ensure!(said.code == 0, "{}", said.err);
    for words in ["daylight run\n", "/v1/okta/okta", "curl -H \"Authorization: $(cat '", "--data-binary @page.json"] {
        ensure!(said.out.contains(words), "{words:?} is not in {}", said.out);
    }
    for secret in ["okta", "entra"] {
        let path = folder.path().join("daylight-data/secrets").join(secret);
        ensure!(fs::metadata(&path)?.permissions().mode() & 0o777 == 0o600);
        ensure!(!said.out.contains(fs::read_to_string(&path)?.trim()), "a secret is printed");
    }
    let said = daylight(folder.path(), &["check-config", "--config", "daylight.toml"])?;
    ensure!(said.code == 0, "{}", said.err);
    let written = fs::read_to_string(folder.path().join("daylight.toml"))?;
    ensure!(written.contains("provider_tenant = \"acme.okta.com\""), "{written}");

    let said = daylight(folder.path(), &["init", "--okta", "other.okta.com"])?;
    ensure!(said.code == 1 && said.err.contains("is there already"), "{}", said.err);
    ensure!(fs::read_to_string(folder.path().join("daylight.toml"))? == written);
    Ok(())
}
