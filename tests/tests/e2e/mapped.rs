//! Mapped sources through the built binary: read from files, checked with the configuration, delivered to rows and dead letters.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::json;
use tests::servers::{Setup, binary, deploy_folder};

const SOON: Duration = Duration::from_secs(30);

fn shipped(name: &str) -> PathBuf {
    deploy_folder().join("config/mappings").join(name)
}

fn run(arguments: &[&str], files: &[&Path]) -> anyhow::Result<Output> {
    Command::new(binary()?).args(arguments).args(files).output().context("running daylight")
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A statement of so many payments.
fn statement(payments: usize) -> String {
    let header = "Booking date;Card;Reference;Cardholder;Cardholder e-mail;Merchant;Merchant country;Category;Status\n";
    let row = |number| {
        format!("01.03.2026;4711;R-{number};Ann;ann@brightwater.example;\"Notion; Labs\";US;Software;Settled\n")
    };
    std::iter::once(header.to_owned()).chain((0..payments).map(row)).collect()
}

#[test]
fn a_file_of_a_mapped_source_is_parsed_and_its_sum_adds_up() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (good, lacking) = (folder.path().join("good.csv"), folder.path().join("lacking.csv"));
    fs::write(&good, format!("{}31.02.2026;1;2;3;4;5;6;Software;Settled\n", statement(3)))?;
    fs::write(&lacking, statement(3).replacen("Merchant;", "Shop;", 1))?;
    let mapping = shipped("card_statement.toml");
    let mapping = mapping.to_str().context("a path")?;
    let arguments = ["parse", "--provider", "mapped", "--mapping", mapping];
    let output = run(&arguments, &[&good])?;
    let sum = told(&output).lines().last().unwrap_or_default().to_owned();
    ensure!(output.status.success() && sum == r#"{"read":4,"events":3,"ignored":0,"rejected":1}"#, "{output:?}");
    let output = run(&arguments, &[&lacking])?;
    ensure!(!output.status.success(), "{output:?}");
    let words = ["lacking.csv", "`Merchant`", "card_statement.toml", "correct the mapping"];
    ensure!(words.iter().all(|word| told(&output).contains(word)), "{}", told(&output));
    for (arguments, word) in [
        (&["parse", "--provider", "mapped"][..], "--mapping FILE"),
        (&["parse", "--provider", "okta", "--mapping", mapping], "is for --provider mapped"),
        (&["parse", "--provider", "mapped", "--mapping", "/nowhere.toml"], "/nowhere.toml"),
    ] {
        let output = run(arguments, &[&good])?;
        ensure!(output.status.code() == Some(2) && told(&output).contains(word), "{word}: {output:?}");
    }
    Ok(())
}

#[test]
fn a_mapping_that_is_wrong_stops_the_start_and_the_check_with_file_line_and_key() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let wrong = folder.path().join("wrong.toml");
    fs::write(&wrong, fs::read_to_string(shipped("jumpcloud.toml"))?.replace("user_email = ", "user_mail = "))?;
    let wrong = wrong.to_str().context("a path")?;
    let base = |provider| Setup::new().role("ingest").connection("tool", "acme", provider, "acme");
    for (setup, words) in [
        (
            base("mapped").connection_key("mapping", wrong),
            ["wrong.toml, line", "fields.user_mail: is no canonical field"],
        ),
        (base("mapped").connection_key("mapping", "/nowhere.toml"), ["cannot read the mapping", "/nowhere.toml"]),
        (base("mapped"), ["\"tool\"", "name its file with `mapping`"]),
        (base("okta").connection_key("mapping", wrong), ["\"tool\"", "`mapping` is for provider"]),
    ] {
        let (config, _) = setup.write(folder.path())?;
        for command in ["check-config", "ingest"] {
            let output = Command::new(binary()?).arg(command).arg("--config").arg(&config).output()?;
            let told = told(&output);
            ensure!(output.status.code() == Some(2) && told.lines().count() == 1, "{command}: {output:?}");
            ensure!(words.iter().all(|word| told.contains(word)), "{command}: {told}");
        }
    }
    Ok(())
}

#[test]
fn a_mapped_source_becomes_rows_and_what_it_rejects_holds_no_typed_name() -> anyhow::Result<()> {
    let mapped = |setup: Setup, id: &str, file: &str| {
        let path = shipped(file);
        setup.connection(id, "acme", "mapped", "acme").connection_key("mapping", path.to_str().unwrap_or_default())
    };
    let setup = mapped(Setup::new(), "card", "card_statement.toml");
    let daylight = mapped(setup, "jumpcloud", "jumpcloud.toml").start()?;

    // A column is missing: the delivery is refused whole, and the corrected one is no second copy.
    let lacking = statement(3).replacen("Merchant;", "Shop;", 1);
    let answer = daylight.send("card", lacking.as_bytes())?;
    ensure!(answer.status == 400, "{} {}", answer.status, answer.text());
    ensure!(answer.text().contains("`Merchant`") && answer.text().contains("card_statement.toml"), "{}", answer.text());
    let receipt = daylight.accept("card", statement(3).as_bytes())?;
    ensure!(receipt["events"] == 3 && receipt["duplicates"] == 0, "{receipt}");

    // A file too large for one delivery is parted by its mapping, under its header; what came before is one event.
    let folder = tempfile::tempdir()?;
    let (file, secret) = (folder.path().join("year.csv"), folder.path().join("secret"));
    fs::write(&file, statement(30_000))?;
    fs::write(&secret, daylight.secret("card"))?;
    let url = daylight.events_url("card").replace("/v1/events/card", "");
    let mapping = shipped("card_statement.toml");
    let output = Command::new(binary()?)
        .args(["replay", "--connection", "card", "--url", &url, "--secret-file"])
        .arg(&secret)
        .arg("--mapping")
        .arg(&mapping)
        .arg(&file)
        .output()?;
    let sums = String::from_utf8_lossy(&output.stdout);
    ensure!(sums.contains(r#""read":30000,"events":30000,"duplicates":3,"ignored":0,"rejected":0"#), "{output:?}");
    daylight.expect(SOON, "SELECT uniqExact(event_id) FROM events WHERE connection = 'card'", 30_000)?;
    let app = "SELECT count() FROM events WHERE app_native_id = 'card/notion; labs' AND kind = 'token_use'";
    daylight.expect(SOON, app, 30_000)?;

    let failed = json!({
        "id": "1", "event_type": "user_login_attempt", "success": false, "timestamp": "yesterday",
        "initiated_by": {"username": "hunter2-typed", "email": "also-typed"},
    });
    let receipt = daylight.accept("jumpcloud", failed.to_string().as_bytes())?;
    ensure!(receipt["rejected"] == 1, "{receipt}");
    daylight.expect(SOON, "SELECT count() FROM dead_letters WHERE connection = 'jumpcloud'", 1)?;
    let typed = "SELECT count() FROM dead_letters WHERE positionCaseInsensitive(scrubbed, 'typed') > 0";
    ensure!(
        daylight.number(typed)? == 0,
        "a typed name is in a dead letter: {:?}",
        daylight.rows("SELECT scrubbed FROM dead_letters")?
    );
    Ok(())
}
