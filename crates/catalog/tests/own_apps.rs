//! A company's own apps, laid over those that the binary carries.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use catalog::{Catalogue, CatalogueFiles, Category, OwnApps, ResolvedBy};
use event::{AppIdKind, AppRef, Source};

const FILE: &str = "/etc/daylight/apps.tsv";
/// As many as a company's own file may have.
const OWN_APPS_MAX: usize = 20_000;

fn own(text: &str) -> OwnApps<'_> {
    OwnApps { file: FILE, text }
}

fn labelled(catalogue: &Catalogue, label: &str) -> String {
    let app = AppRef { source: Source::Okta, id_kind: AppIdKind::AppId, id: "0oa1" };
    catalogue.resolve(&app, label).app_key(&app)
}

#[test]
fn an_own_app_is_known_by_its_label_its_domain_and_its_client_id() {
    let text = "\u{feff}tracker.acme.example\tAcme Tracker\tproject\tAcme\tboards.acme.example\tBoards ; The Board\tentra:client_id:c1\n";
    let (before, catalogue) = (Catalogue::embedded().unwrap(), Catalogue::with_own_apps(own(text)).unwrap());
    assert_eq!((catalogue.own_apps_len(), before.own_apps_len()), (1, 0));
    for label in ["Acme Tracker (SAML)", "Boards", "the board"] {
        assert_eq!(labelled(&before, label), "okta:app_id:0oa1", "{label}");
        assert_eq!(labelled(&catalogue, label), "tracker.acme.example", "{label}");
    }
    let entry = catalogue.find("https://boards.acme.example/x").unwrap();
    assert_eq!((entry.name.as_str(), entry.category), ("Acme Tracker", Category::Project));
    let client = AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id: "c1" };
    assert_eq!(catalogue.resolve(&client, "anything").by, ResolvedBy::ClientId);
    // What the binary carries is still there.
    assert_eq!(labelled(&catalogue, "Slack"), "slack.com");
    assert_eq!(catalogue.entries().len(), before.entries().len() + 1);
}

#[test]
fn an_own_line_goes_before_ours_and_our_ids_of_the_same_app_stay_known() {
    let ours =
        "slack.com\tSlack\tchat\tSlack\tslack-edge.com\tSlack Grid\tslack:client_id:A1\nzoom.us\tZoom\tvideo\tZoom\n";
    let text = "slack.com\tTeam Chat\tproject\tAcme IT\tchat.acme.example\t\tslack:client_id:A1 slack:client_id:A2\nroom.acme.example\tZoom\tvideo\tAcme\tzoom.us\n";
    let files = CatalogueFiles { apps: ours, own_apps: Some(own(text)), ..CatalogueFiles::EMBEDDED };
    let catalogue = Catalogue::parse(&files).unwrap();
    let entry = catalogue.entry("slack.com").unwrap();
    assert_eq!(
        (entry.name.as_str(), entry.category, entry.publisher.as_str()),
        ("Team Chat", Category::Project, "Acme IT")
    );
    assert_eq!(entry.domains, ["slack.com", "chat.acme.example", "slack-edge.com"]);
    for label in ["Team Chat", "Slack", "Slack Grid", "slack-edge.com"] {
        assert_eq!(labelled(&catalogue, label), "slack.com", "{label}");
    }
    for id in ["A1", "A2"] {
        let app = AppRef { source: Source::Slack, id_kind: AppIdKind::ClientId, id };
        assert_eq!(catalogue.resolve(&app, "").app_key(&app), "slack.com", "{id}");
    }
    // A name and a domain that an own app claims are its own; the app of ours keeps its key.
    assert_eq!(
        (labelled(&catalogue, "Zoom").as_str(), labelled(&catalogue, "acme.zoom.us").as_str()),
        ("room.acme.example", "room.acme.example")
    );
    assert!(catalogue.entry("zoom.us").unwrap().domains.is_empty());
    assert_eq!(catalogue.own_apps_len(), 2);
}

#[test]
fn a_mistake_in_the_companys_file_is_told_by_its_own_name_and_line() {
    let good = "# ours\na.acme.example\tOne\tchat\tAcme\t\tFirst\tokta:client_id:1\n";
    for (bad, says) in [
        ("a.acme.example\tTwo\tchat\tAcme", "`a.acme.example` stands here a second time"),
        ("b.acme.example\tOne\tchat\tAcme", "`One` belongs to a.acme.example already"),
        ("b.acme.example\tTwo\tchat\tAcme\t\tfirst", "`first` belongs to a.acme.example already"),
        ("b.acme.example\tTwo\tchat\tAcme\ta.acme.example", "`a.acme.example` belongs to a.acme.example already"),
        ("b.acme.example\tTwo\tchat\tAcme\t\t\tokta:client_id:1", "belongs to a.acme.example already"),
        ("b.acme.example\tTwo\tgames\tAcme", "unknown category `games`"),
        ("Two\tTwo\tchat\tAcme", "`Two` is no domain"),
    ] {
        let error = Catalogue::with_own_apps(own(&format!("{good}{bad}\n"))).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), (FILE, 3), "{bad}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn there_is_a_limit_to_own_apps() {
    let mut text: String = (0..OWN_APPS_MAX).map(|i| format!("a{i}.acme.example\tOwn {i}\tother\tAcme\n")).collect();
    assert_eq!(Catalogue::with_own_apps(own(&text)).unwrap().own_apps_len(), OWN_APPS_MAX);
    text.push_str("one.acme.example\tToo many\tother\tAcme\n");
    let error = Catalogue::with_own_apps(own(&text)).unwrap_err();
    assert_eq!(error.line, OWN_APPS_MAX + 1);
    assert!(error.problem.contains("more than 20000 apps"), "{error}");
}

#[test]
fn the_same_files_have_the_same_version_and_any_other_text_another() {
    let version =
        |text: &str, file: &'static str| Catalogue::with_own_apps(OwnApps { file, text }).unwrap().version().to_owned();
    let text = "a.acme.example\tOne\tchat\tAcme\n";
    assert_eq!(version(text, FILE), version(text, "elsewhere.tsv"), "where it lies is no part of it");
    let others = [
        Catalogue::embedded().unwrap().version().to_owned(),
        version("", FILE),
        version(&text.replace("One", "Two"), FILE),
    ];
    for other in &others {
        assert_ne!(&version(text, FILE), other);
    }
    assert_ne!(others[0], others[1]);
}

/// Ingest asks the catalogue that it began with who is first party; this is why it may.
#[test]
fn an_own_file_changes_nothing_about_who_is_first_party_or_rogue() {
    let teams = "1fec8e78-bce4-4aaf-ab1b-5451cc387264";
    let rogue = "ff8d92dc-3d82-41d6-bcbd-b9174d163620";
    let text = format!(
        "a.acme.example\tOkta Dashboard\tchat\tAcme\t\tOne\tentra:client_id:{teams} entra:client_id:{rogue} okta:client_id:0oa1\n"
    );
    let (before, after) = (Catalogue::embedded().unwrap(), Catalogue::with_own_apps(own(&text)).unwrap());
    for (source, id_kind, id) in [
        (Source::Entra, AppIdKind::ClientId, teams),
        (Source::Entra, AppIdKind::ClientId, rogue),
        (Source::Okta, AppIdKind::ClientId, "0oa1"),
        (Source::Okta, AppIdKind::AppId, "0oa1"),
    ] {
        let app = AppRef { source, id_kind, id };
        let of = |catalogue: &Catalogue| {
            let resolution = catalogue.resolve(&app, "Okta Dashboard");
            (resolution.is_first_party, resolution.rogue_reason.to_owned())
        };
        assert_eq!(of(&before), of(&after), "{app}");
    }
}
