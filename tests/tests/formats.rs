//! Each numbered gotcha of a provider's format, and each fact and decision that overrides one, is a test named after it: a name without a test
//! is a promise that nobody keeps. Which tests hold what is said by their names alone, so that a search for a number finds its test.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is numbered: how a test's name begins, and up to which number.
const NUMBERED: &[(&str, u32)] =
    &[("okta_gotcha_", 10), ("google_gotcha_", 9), ("entra_gotcha_", 10), ("section_5_", 9), ("section_6_", 7)];

/// The decisions of section 6, which have no number: how their tests' names begin.
const DECISIONS: &[&str] = &[
    "section_6_okta_application_lifecycle_activate_deactivate_update",
    "section_6_okta_policy_evaluate_sign_on_challenge_deny_allow",
    "section_6_okta_the_custom_servers_authorize_code_is_sso",
    "section_6_okta_a_consent_that_failed_is_denied",
    "section_6_okta_a_detected_account_is_an_assignment_by_nobody",
    "section_6_okta_access_requests",
    "section_6_okta_the_app_instance_of_auth_via_idp_is_no_app",
    "section_6_okta_a_revoked_token_is_its_clients",
    "section_6_google_risk_events_are_other",
    "section_6_google_a_saml_app_is_the_label",
    "section_6_google_add_application_is_an_assignment",
    "section_6_google_allow_lists_and_api_access_are_policy",
    "section_6_google_an_entry_of_cloud_logging",
    "section_6_entra_non_interactive_and_service_principal_sign_ins_are_token_use",
    "section_6_entra_codes_that_ask_for_consent_are_requests",
    "section_6_entra_codes_of_refusal_are_denied",
    "section_6_entra_codes_that_ask_for_more_are_challenges",
    "section_6_ual_a_login_with_50140_is_a_challenge",
    "section_6_entra_500121_is_a_failure",
    "section_6_ual_a_failed_sign_in_is_told_by_its_number_or_its_name",
    "section_6_entra_supporting_grants",
    "section_6_entra_what_failed_and_changed_nothing_is_ignored",
    "section_6_ual_a_consent_that_is_tried_again_is_ignored",
    "section_6_entra_removals",
    "section_6_ual_removals_of_apps_are_removals",
    "section_6_entra_create_application_certificates_and_secrets",
    "section_6_entra_one_consent_over_several_resources_is_one_event",
    "section_6_ual_service_principals_and_certificates_are_apps",
    "section_6_entra_a_date_that_does_not_exist_is_rejected",
    "section_6_ual_a_date_that_does_not_exist_is_rejected",
    "section_6_field_map_each_activity_tells_its_app_in_its_own_place",
    "section_6_ual_ids_of_new_apps_come_from_their_own_property",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all tests of the crates: what follows a `#[test]`.
fn tests() -> Vec<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates"), &mut files);
    let mut names = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let after = text.split("#[test]").skip(1).filter_map(|rest| rest.split("fn ").nth(1));
        names.extend(after.map(|rest| rest.split('(').next().unwrap_or_default().to_owned()));
    }
    names
}

#[test]
fn every_numbered_line_of_the_formats_has_a_test_named_after_it() {
    let tests = tests();
    assert!(tests.len() > 100, "{} tests were found", tests.len());
    for (prefix, last) in NUMBERED {
        for number in 1..=*last {
            let name = format!("{prefix}{number}_");
            assert!(tests.iter().any(|test| test.starts_with(&name)), "no test is called {name}…");
        }
    }
    for name in DECISIONS {
        assert!(tests.iter().any(|test| test.starts_with(name)), "no test is called {name}…");
    }
}
