//! Names that resemble: what must be told, and what must stay silent.

use catalog::{Catalogue, ResolvedBy};
use event::{AppIdKind, AppRef, Source};

fn client(id: &str) -> AppRef<'_> {
    AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id }
}

#[test]
fn the_47_genuine_microsoft_apps_are_silent_under_their_ids() {
    let catalogue = Catalogue::embedded().unwrap();
    let lines = include_str!("microsoft_names.tsv").lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for (id, name) in lines.map(|line| line.split_once('\t').unwrap()) {
        count += 1;
        let resolution = catalogue.resolve(&client(id), name);
        assert!(resolution.is_first_party && resolution.look_alike.is_none(), "{name}");
    }
    assert_eq!(count, 47);
}

#[test]
fn a_name_that_only_looks_like_a_known_one_is_told() {
    let catalogue = Catalogue::embedded().unwrap();
    for (name, app_key) in [
        ("Micros0ft Teams", "teams.microsoft.com"),
        ("Мicrosoft Teams", "teams.microsoft.com"),
        ("rnicrosoft", "office.com"),
        ("rnicrosoft_office", "office.com"),
        ("Rnicrosoft account security", "office.com"),
        ("SIack", "slack.com"),
        ("Sl\u{430}ck", "slack.com"),
        ("S1ack for Outlook", "slack.com"),
        ("Z00m", "zoom.us"),
        ("Dropb0x Business", "dropbox.com"),
        ("D0cusign", "docusign.com"),
        ("clocusign", "docusign.com"),
        ("Goog1e Drive", "drive.google.com"),
        ("vvebex", "webex.com"),
        ("Fïgma", "figma.com"),
        ("0kta", "okta.com"),
        ("𝐇𝐮𝐛𝐒𝐩0𝐭", "hubspot.com"),
    ] {
        let look_alike = catalogue.resolve(&client("1"), name).look_alike.unwrap_or_else(|| panic!("{name} is silent"));
        assert_eq!((look_alike.entry.app_key.as_str(), look_alike.is_confusable), (app_key, true), "{name}");
    }
}

#[test]
fn the_very_name_under_an_unknown_client_id_is_told_apart_from_a_confusable_one() {
    let catalogue = Catalogue::embedded().unwrap();
    for (name, app_key) in [
        ("Slack", "slack.com"),
        ("SLACK", "slack.com"),
        ("Sl\u{200b}ack", "slack.com"),
        ("Zoom for Outlook", "zoom.us"),
        ("Microsoft Teams", "teams.microsoft.com"),
        ("chorus.ai", "chorus.ai"),
        ("Box", "box.com"),
    ] {
        let resolution = catalogue.resolve(&client("1"), name);
        assert_eq!((resolution.entry, resolution.by), (None, ResolvedBy::Nothing), "a name is no identity: {name}");
        assert_eq!(resolution.app_key(&client("1")), "entra:client_id:1");
        let look_alike = resolution.look_alike.unwrap();
        assert_eq!((look_alike.entry.app_key.as_str(), look_alike.is_confusable), (app_key, false), "{name}");
    }
}

#[test]
fn ordinary_names_are_silent() {
    let catalogue = Catalogue::embedded().unwrap();
    for name in [
        "",
        "Test",
        "App",
        "test app",
        "My App",
        "b0x",
        "X2",
        "Fox",
        "Payroll Portal",
        "Slick",
        "Intern Onboarding",
        "Modern Workplace Export",
        "Export for Slack channels",
        "Contoso Timesheets",
        "12345",
        "🦀",
        "客户门户",
        "OpenID Connect Client",
        "Clear Books",
        "Barn Door",
        "John Doe",
    ] {
        assert_eq!(catalogue.looks_like(name), None, "{name}");
    }
}

#[test]
fn a_label_that_an_administrator_set_identifies_and_looks_like_nothing() {
    let catalogue = Catalogue::embedded().unwrap();
    let okta = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: "0oa1" };
    let google = AppRef { source: Source::GoogleWorkspace, id_kind: AppIdKind::Label, id: "Slack" };
    for (app, name) in [(okta, "Slack (SAML)"), (google, "anything")] {
        let resolution = catalogue.resolve(&app, name);
        assert_eq!((resolution.app_key(&app).as_str(), resolution.by), ("slack.com", ResolvedBy::Label));
        assert_eq!(resolution.look_alike, None);
    }
    let entra = AppRef { source: Source::Entra, id_kind: AppIdKind::ObjectId, id: "1" };
    assert_eq!(catalogue.resolve(&entra, "Slack").by, ResolvedBy::Nothing);
}

#[test]
fn a_mapped_source_identifies_by_domain_and_label_and_never_by_a_name() {
    let catalogue = Catalogue::embedded().unwrap();
    let mapped = |id_kind, id| AppRef { source: Source::Mapped, id_kind, id };
    for (app, name, expected) in [
        (mapped(AppIdKind::ClientId, "slack.com"), "Log in", Some(("slack.com", ResolvedBy::ClientId))),
        (mapped(AppIdKind::ClientId, "acme.slack.com"), "", Some(("slack.com", ResolvedBy::ClientId))),
        (mapped(AppIdKind::Label, "Slack"), "Slack", Some(("slack.com", ResolvedBy::Label))),
        (mapped(AppIdKind::AppId, "jumpcloud/61b2"), "Slack (Production)", Some(("slack.com", ResolvedBy::Label))),
        (mapped(AppIdKind::ClientId, "notslack.com"), "Slack", None),
        (mapped(AppIdKind::ClientId, "slack.com.example.net"), "Slack", None),
        (mapped(AppIdKind::ClientId, "idp/slack.com"), "Slack", None),
        (mapped(AppIdKind::ClientId, "Slack"), "Slack", None),
        (mapped(AppIdKind::ObjectId, "card/slack.com"), "SLACK", None),
        (AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id: "slack.com" }, "Slack", None),
    ] {
        let resolution = catalogue.resolve(&app, name);
        let found = resolution.entry.map(|entry| (entry.app_key.as_str(), resolution.by));
        assert_eq!(found, expected, "{app}");
        assert_eq!(
            resolution.look_alike.is_some(),
            expected.is_none(),
            "{app}: a name that identifies nothing is told"
        );
    }
}

#[test]
fn nobody_elses_pages_make_a_domain_of_the_catalogue() {
    let catalogue = Catalogue::embedded().unwrap();
    for host in [
        "github.io",
        "herokuapp.com",
        "vercel.app",
        "netlify.app",
        "pages.dev",
        "workers.dev",
        "web.app",
        "firebaseapp.com",
        "azurewebsites.net",
        "cloudfront.net",
        "amazonaws.com",
        "onrender.com",
        "fly.dev",
        "glitch.me",
        "replit.app",
        "streamlit.app",
        "bubbleapps.io",
    ] {
        let id = format!("tool.{host}");
        let app = AppRef { source: Source::Mapped, id_kind: AppIdKind::ClientId, id: &id };
        assert_eq!(catalogue.resolve(&app, "").entry, None, "anybody may publish under {host}");
    }
}
