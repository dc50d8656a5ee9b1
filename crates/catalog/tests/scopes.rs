//! What grants amount to: exact tokens, per provider.

use catalog::{Catalogue, RiskLevel, ScopeFamily};
use event::{ConsentType, Source, Tokens};

#[test]
fn a_grant_has_the_level_of_its_worst_scope() {
    let catalogue = Catalogue::embedded().unwrap();
    let gmail = "https://www.googleapis.com/auth/gmail.readonly";
    let user = ConsentType::User;
    for (source, scopes, consent_type, level) in [
        (Source::Entra, "", user, RiskLevel::None),
        (Source::Entra, "User.Read openid", user, RiskLevel::Low),
        (Source::Entra, "offline_access", user, RiskLevel::Low),
        (Source::Entra, "Mail.ReadBasic", user, RiskLevel::Medium),
        (Source::Entra, "Mail.Read", user, RiskLevel::High),
        (Source::Entra, "Mail.Read User.Read", user, RiskLevel::High),
        (Source::M365Ual, "https://graph.microsoft.com/Mail.ReadWrite", user, RiskLevel::High),
        (Source::Entra, "Mail.Read", ConsentType::TenantWide, RiskLevel::High),
        (Source::Entra, "Mail.Read", ConsentType::Application, RiskLevel::Critical),
        (Source::Entra, "Presence.Read.All", ConsentType::Application, RiskLevel::High),
        (Source::Entra, "User.Read", ConsentType::Application, RiskLevel::Medium),
        (Source::Entra, "Thing.ReadWrite.All", user, RiskLevel::High),
        (Source::Entra, "Thing.ReadWrite.All", ConsentType::Application, RiskLevel::Critical),
        (Source::Entra, "Thing.Read.All", user, RiskLevel::Medium),
        (Source::Entra, "Something", user, RiskLevel::Medium),
        (Source::GoogleWorkspace, "openid", user, RiskLevel::Low),
        (Source::GoogleWorkspace, gmail, user, RiskLevel::High),
        (Source::GoogleWorkspace, "gmail.readonly", user, RiskLevel::High),
        (Source::GoogleWorkspace, "https://mail.google.com/", user, RiskLevel::Critical),
        (Source::GoogleWorkspace, "https://www.googleapis.com/auth/drive.file", user, RiskLevel::Low),
        (Source::Okta, "okta.users.manage", user, RiskLevel::Critical),
        (Source::Okta, "okta.features.manage", user, RiskLevel::High),
        (Source::Okta, "okta.features.read", user, RiskLevel::Medium),
        (Source::Okta, "okta.myAccount.email.read", user, RiskLevel::Low),
        (Source::Okta, "launch/patient", user, RiskLevel::Medium),
        (Source::Slack, "admin.barriers:write", user, RiskLevel::Critical),
        (Source::Slack, "im:history", user, RiskLevel::High),
        (Source::Github, "repo", user, RiskLevel::High),
        (Source::Salesforce, "full", user, RiskLevel::Critical),
        (Source::Mapped, "openid", user, RiskLevel::Low),
        (Source::Mapped, "whatever", user, RiskLevel::Medium),
    ] {
        let risk = catalogue.grant_risk(source, Tokens::from_canonical(scopes), consent_type);
        assert_eq!(risk.level, level, "{source} {scopes} {consent_type}");
    }
}

#[test]
fn a_row_about_mail_read_never_speaks_of_mail_read_basic() {
    let catalogue = Catalogue::embedded().unwrap();
    let of = |scopes| catalogue.grant_risk(Source::Entra, Tokens::from_canonical(scopes), ConsentType::User);
    assert_eq!(of("Mail.ReadBasic").high_families, []);
    assert_eq!(of("Mail.Read").high_families, [ScopeFamily::Mail]);
    assert_eq!(of("Mail.ReadWrite").high_families, [ScopeFamily::Mail]);
}

#[test]
fn the_answer_names_families_and_scopes_once_and_tells_whether_it_lasts() {
    let catalogue = Catalogue::embedded().unwrap();
    let scopes = "Calendars.Read Files.Read.All Mail.Read Mail.Send offline_access openid";
    let risk = catalogue.grant_risk(Source::Entra, Tokens::from_canonical(scopes), ConsentType::User);
    assert_eq!(risk.high_families, [ScopeFamily::Mail, ScopeFamily::Files]);
    assert_eq!(risk.top_scopes, ["Files.Read.All", "Mail.Read", "Mail.Send"]);
    assert!(risk.is_persistent);
    let brief = catalogue.grant_risk(Source::Entra, Tokens::from_canonical("Mail.Read"), ConsentType::User);
    assert!(!brief.is_persistent);
}
