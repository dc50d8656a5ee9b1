//! `daylight connections list` and `check`, as people type them: what can be seen, who lets us in, and what must be granted, by its exact name.

use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value as Json;
use tests::{
    events::ENTRA_TENANT,
    fakes::{AppTrouble, FakeGoogle, FakeGraph, FakeOffice365, FakeOkta, Trouble},
    servers::{Setup, binary},
};

use crate::polled::{polling_google, polling_graph, polling_office365, polling_okta, polling_okta_as_app};

/// What a command printed, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Types `daylight connections …` beside a configuration that nobody runs.
fn connections(setup: &Setup, env: (&str, &str), words: &[&str]) -> anyhow::Result<Said> {
    let folder = tempfile::tempdir()?;
    let (config, data) = setup.write(folder.path())?;
    let mut command = Command::new(binary()?);
    let output = command.arg("connections").args(words).arg("--config").arg(config).env(env.0, env.1).output();
    let output = output.context("running daylight")?;
    ensure!(!data.exists(), "asking made a data folder");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) })
}

/// A list, its state, and what must be done.
type Found = (String, String, String);

/// The exit code, and lists with their states, as `check --json` gives them.
fn states(setup: &Setup, env: (&str, &str)) -> anyhow::Result<(i32, Vec<Found>)> {
    let said = connections(setup, env, &["check", "--json"])?;
    ensure!(!said.out.contains(env.1) && !said.err.contains(env.1), "a secret is told");
    let lines: Vec<Json> = serde_json::from_str(&said.out).with_context(|| format!("{} {}", said.out, said.err))?;
    let text = |line: &Json, key: &str| line.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    Ok((said.code, lines.iter().map(|line| (text(line, "feed"), text(line, "state"), text(line, "detail"))).collect()))
}

/// A case: what was broken, and what every list must say then: its state, and a word of what to do.
type Case<'a> = (&'a str, &'a dyn Fn(), &'a dyn Fn(), &'static str, &'static str);

fn each_case(setup: &Setup, env: (&str, &str), lists: usize, cases: &[Case<'_>]) -> anyhow::Result<()> {
    for (what, break_it, mend_it, state, word) in cases {
        break_it();
        let (code, found) = states(setup, env)?;
        ensure!(code == 1 && found.len() == lists, "{what}: {code} {found:?}");
        ensure!(found.iter().all(|one| one.1 == *state && one.2.contains(word)), "{what}: {found:?}");
        mend_it();
        let (code, found) = states(setup, env)?;
        ensure!(code == 0 && found.iter().all(|one| one.1 == "ready" && one.2.is_empty()), "after {what}: {found:?}");
    }
    Ok(())
}

#[test]
fn okta_and_graph_name_what_is_missing() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    each_case(
        &polling_okta(&okta),
        ("FAKE_OKTA_TOKEN", okta.token()),
        1,
        &[
            ("a revoked token", &|| okta.let_in(false), &|| okta.let_in(true), "no_login", "revoked or is wrong"),
            ("a lost right", &|| okta.permit(false), &|| okta.permit(true), "missing_permission", "okta.logs.read"),
            ("a proxy's page", &|| okta.trouble([Trouble::Answer(502, vec![])]), &|| {}, "unreachable", "502"),
        ],
    )?;
    let break_app = |trouble| move |okta: &FakeOkta| okta.app_trouble(Some(trouble));
    let (no_scope, no_key) = (break_app(AppTrouble::NoScope), break_app(AppTrouble::NoKey));
    let wants_proof = break_app(AppTrouble::WantsProof);
    let mend = || okta.app_trouble(None);
    each_case(
        &polling_okta_as_app(&okta),
        ("FAKE_OKTA_KEY", &okta.app().2),
        1,
        &[
            ("a scope that nobody granted", &|| no_scope(&okta), &mend, "missing_permission", "okta.logs.read"),
            ("an app without a role", &|| okta.permit(false), &|| okta.permit(true), "missing_permission", "Read-only"),
            ("a key that was taken away", &|| no_key(&okta), &mend, "no_login", "private_key"),
            ("proof of possession", &|| wants_proof(&okta), &mend, "no_login", "DPoP"),
        ],
    )?;
    let graph = FakeGraph::start()?;
    each_case(
        &polling_graph(&graph),
        ("FAKE_GRAPH_SECRET", graph.client().1),
        2,
        &[
            ("a revoked secret", &|| graph.let_in(false), &|| graph.let_in(true), "no_login", "invalid_client"),
            ("no consent", &|| graph.permit(false), &|| graph.permit(true), "missing_permission", "AuditLog.Read.All"),
        ],
    )
}

#[test]
fn google_and_microsoft_365_name_what_is_missing() -> anyhow::Result<()> {
    let google = FakeGoogle::start()?;
    let scope = "https://www.googleapis.com/auth/admin.reports.audit.readonly";
    each_case(
        &polling_google(&google),
        ("FAKE_GOOGLE_KEY", &google.key_file()),
        4,
        &[
            ("no delegation", &|| google.delegate(false), &|| google.delegate(true), "missing_permission", scope),
            (
                "no privilege",
                &|| google.permit(false),
                &|| google.permit(true),
                "missing_permission",
                "privilege Reports",
            ),
            ("a deleted key", &|| google.keep_key(false), &|| google.keep_key(true), "no_login", "key"),
        ],
    )?;
    let office = FakeOffice365::start()?;
    each_case(
        &polling_office365(&office),
        ("FAKE_OFFICE_SECRET", office.client().1),
        1,
        &[("no consent", &|| office.permit(false), &|| office.permit(true), "missing_permission", "ActivityFeed.Read")],
    )?;
    ensure!(office.started() == 0, "a check made a subscription");
    Ok(())
}

#[test]
fn people_are_told_in_a_table_and_a_sentence_and_one_connection_can_be_asked_alone() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let env = ("FAKE_OKTA_TOKEN", okta.token());
    let setup = polling_okta(&okta).connection("hook", "acme", "okta", tests::events::OKTA_ORG);
    okta.permit(false);
    let said = connections(&setup, env, &["check"])?;
    ensure!(said.code == 1 && said.err.contains("1 of 2 ways"), "{} {}", said.code, said.err);
    for words in ["CONNECTION", "missing_permission", "! okta, system_log: grant okta.logs.read", "not_checked"] {
        ensure!(said.out.contains(words), "{words:?} is not in {}", said.out);
    }
    let said = connections(&setup, env, &["check", "hook"])?;
    ensure!(said.code == 0 && !said.out.contains("system_log"), "{} {}", said.code, said.out);
    let said = connections(&setup, env, &["check", "hok"])?;
    ensure!(said.code == 2 && said.err.contains("hok") && said.err.contains("hook"), "{} {}", said.code, said.err);
    let nowhere = toml::Table::from_iter([("file".to_owned(), toml::Value::from("/nowhere/secret"))]);
    let setup = setup.connection("lost", "acme", "entra", ENTRA_TENANT).connection_key("secret", nowhere);
    let said = connections(&setup, env, &["check", "lost"])?;
    ensure!(said.code == 1 && said.out.contains("no_secret") && said.out.contains("/nowhere"), "{}", said.out);
    Ok(())
}

#[test]
fn what_is_configured_says_which_rules_can_work_and_what_nobody_sees() -> anyhow::Result<()> {
    let okta = FakeOkta::start()?;
    let setup = polling_okta(&okta).connection("hook", "beta", "onelogin", "beta");
    let said = connections(&setup, ("X", "x"), &["list"])?;
    ensure!(said.code == 0, "{}", said.err);
    for words in [
        "okta, poll system_log, can tell sign-ins to the provider",
        "acme: rules that work: N1 N2 N4 C1 C2 C4 L2",
        "! R1 (Known rogue app) cannot work: no connection of acme tells ids that the list",
        "! C1 (Dangerous permissions granted to an unapproved app) cannot work: no connection of beta tells the scopes",
        "- what is bought: invoices, cards, expenses",
    ] {
        ensure!(said.out.contains(words), "{words:?} is not in {}", said.out);
    }
    ensure!(okta.asked().is_empty(), "somebody was asked");
    let said = connections(&setup, ("X", "x"), &["list", "--json"])?;
    let listed: Json = serde_json::from_str(&said.out)?;
    let works = listed.pointer("/tenants/0/rules/0/works").and_then(Json::as_str);
    ensure!(works == Some("yes"), "{listed}");
    Ok(())
}
