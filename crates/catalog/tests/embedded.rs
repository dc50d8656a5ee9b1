//! The catalogue that the binary carries: it loads, and a mistake in a file is told by file and line.

use catalog::{Catalogue, CatalogueFiles, ResolvedBy};
use event::{AppIdKind, AppRef, Source};

const APPS_MIN: usize = 120;

#[test]
fn the_embedded_catalogue_loads_and_knows_its_own_apps() {
    let catalogue = Catalogue::embedded().unwrap();
    assert!(catalogue.entries().len() >= APPS_MIN, "{} apps", catalogue.entries().len());
    for entry in catalogue.entries() {
        assert_eq!(catalogue.entry(&entry.app_key), Some(entry));
        assert_eq!(catalogue.find(&entry.name), Some(entry), "{}", entry.name);
        for domain in &entry.domains {
            assert_eq!(catalogue.find(&format!("https://www.{domain}/path")), Some(entry), "{domain}");
        }
    }
}

#[test]
fn the_version_follows_the_content() {
    let first = Catalogue::embedded().unwrap();
    assert_eq!(first.version().len(), 16);
    assert_eq!(first.version(), Catalogue::embedded().unwrap().version());
    let other =
        Catalogue::parse(&CatalogueFiles { apps: "a.com\tA App\tai\tA\n", ..CatalogueFiles::EMBEDDED }).unwrap();
    assert_ne!(first.version(), other.version());
}

#[test]
fn a_mistake_is_told_by_file_and_line() {
    let good = "slack.com\tSlack\tchat\tSlack\t\t\tslack:client_id:A1\n";
    let apps = |bad: &str| format!("# apps\n{good}{bad}\n");
    let none = CatalogueFiles {
        apps: "",
        own_apps: None,
        microsoft_first_party: "",
        first_party: "",
        rogue_apps: "",
        scope_risk: "",
    };
    for (bad, says) in [
        ("b.com\tB\tchatt\tB", "unknown category `chatt`"),
        ("b.com\tB\tchat\t", "publisher is missing"),
        ("slack.com\tB\tchat\tB", "`slack.com` stands here a second time"),
        ("b.com\tslack\tchat\tB", "`slack` belongs to slack.com already"),
        ("b.com\tB\tchat\tB\tslack.com", "`slack.com` belongs to slack.com already"),
        ("b.com\tB\tchat\tB\t\tS L A C K", "`S L A C K` belongs to slack.com already"),
        ("b.com\tB\tchat\tB\t\t\tslack:client_id:A1", "belongs to slack.com already"),
        ("b.com\tB\tchat\tB\t\t\tA1", "is not of the form"),
        ("b\tB\tchat\tB", "`b` is no domain"),
        ("B.com\tB\tchat\tB", "`B.com` is no domain"),
        ("b.com\tB\tchat\tB\thttps://c.com", "`https://c.com` is no domain"),
        ("b.com\tB\u{1b}[2J\tchat\tB", "holds a control character"),
        ("b.com\tB\tchat\tB\t\t\t\t\t", "more than 7 columns"),
    ] {
        let error = Catalogue::parse(&CatalogueFiles { apps: &apps(bad), ..none }).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), ("apps.tsv", 3), "{bad}");
        assert!(error.to_string().contains(says), "{error}");
    }
    for (files, file) in [
        (CatalogueFiles { microsoft_first_party: "not-a-guid", ..none }, "microsoft_first_party.tsv"),
        (
            CatalogueFiles { microsoft_first_party: "00000000-0000-0000-0000-000000000000", ..none },
            "microsoft_first_party.tsv",
        ),
        (CatalogueFiles { first_party: "okta\tname\tx\tOkta", ..none }, "first_party.tsv"),
        (CatalogueFiles { rogue_apps: "entra\tx", ..none }, "rogue_apps.tsv"),
        (CatalogueFiles { scope_risk: "okta\topenid\tlowish\tidentity", ..none }, "scope_risk.tsv"),
    ] {
        let error = Catalogue::parse(&files).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), (file, 1));
    }
}

#[test]
fn every_first_party_id_of_the_list_is_first_party_and_looks_like_nothing() {
    let catalogue = Catalogue::embedded().unwrap();
    let ids = CatalogueFiles::EMBEDDED.microsoft_first_party.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for id in ids {
        count += 1;
        for source in [Source::Entra, Source::M365Ual] {
            for id in [id.to_owned(), id.to_uppercase()] {
                let app = AppRef { source, id_kind: AppIdKind::ClientId, id: &id };
                let resolution = catalogue.resolve(&app, "Micros0ft Teams");
                assert!(resolution.is_first_party && resolution.look_alike.is_none(), "{id}");
                assert_eq!(resolution.publisher, "Microsoft", "{id}");
            }
        }
    }
    assert_eq!(count, catalogue.microsoft_first_party_len());
    assert!(count > 4_000, "{count}");
}

#[test]
fn a_first_party_id_exempts_only_where_the_provider_gave_it() {
    let catalogue = Catalogue::embedded().unwrap();
    let teams = "1fec8e78-bce4-4aaf-ab1b-5451cc387264";
    let is_first_party = |source, id_kind, id| catalogue.resolve(&AppRef { source, id_kind, id }, "").is_first_party;
    assert!(is_first_party(Source::Entra, AppIdKind::ClientId, teams));
    // The object id of a service principal is another number space, and so is another provider.
    assert!(!is_first_party(Source::Entra, AppIdKind::ObjectId, teams));
    assert!(!is_first_party(Source::Okta, AppIdKind::ClientId, teams));
    assert!(!is_first_party(Source::Entra, AppIdKind::ClientId, "00000000-0000-0000-0000-000000000000"));
    let chrome = "77185425430.apps.googleusercontent.com";
    let ios = "450232826690-0rm6bs9d2fps9tifvk2oodh3tasd7vl7.apps.googleusercontent.com";
    assert!([chrome, ios].iter().all(|id| is_first_party(Source::GoogleWorkspace, AppIdKind::ClientId, id)));
    assert!(!is_first_party(Source::GoogleWorkspace, AppIdKind::ClientId, "77185425430-x.apps.googleusercontent.com"));
    assert!(is_first_party(Source::Okta, AppIdKind::ClientId, "okta.b58d5b75-07d4-5f25-bf59-368a1261a405"));
    assert!(!is_first_party(Source::Okta, AppIdKind::ClientId, "0oa1"));
}

#[test]
fn a_product_that_tells_of_itself_is_the_catalogues_and_hidden_from_no_list() {
    let catalogue = Catalogue::embedded().unwrap();
    for (source, label, app_key) in [
        (Source::Slack, "Slack", "slack.com"),
        (Source::Github, "GitHub", "github.com"),
        (Source::Dropbox, "Dropbox", "dropbox.com"),
        (Source::Salesforce, "Salesforce", "salesforce.com"),
    ] {
        let resolution = catalogue.resolve(&AppRef { source, id_kind: AppIdKind::Label, id: label }, label);
        assert_eq!(resolution.entry.map(|entry| entry.app_key.as_str()), Some(app_key));
        assert!(!resolution.is_first_party, "{label}");
    }
}

#[test]
fn an_administrators_label_identifies_in_okta_and_onelogin_and_an_apps_own_name_nowhere() {
    let catalogue = Catalogue::embedded().unwrap();
    for (source, id_kind, expected) in [
        (Source::Okta, AppIdKind::AppId, ResolvedBy::Label),
        (Source::Onelogin, AppIdKind::AppId, ResolvedBy::Label),
        (Source::Slack, AppIdKind::AppId, ResolvedBy::Nothing),
        (Source::Salesforce, AppIdKind::AppId, ResolvedBy::Nothing),
        (Source::Slack, AppIdKind::ClientId, ResolvedBy::Nothing),
        (Source::Github, AppIdKind::ObjectId, ResolvedBy::Nothing),
        (Source::Auth0, AppIdKind::ClientId, ResolvedBy::Nothing),
        (Source::Dropbox, AppIdKind::ClientId, ResolvedBy::Nothing),
    ] {
        assert_eq!(
            catalogue.resolve(&AppRef { source, id_kind, id: "x1" }, "Notion").by,
            expected,
            "{source} {id_kind}"
        );
    }
}

#[test]
fn oktas_own_apps_are_known_by_their_label_and_never_by_an_oauth_clients_name() {
    let catalogue = Catalogue::embedded().unwrap();
    for name in ["Okta Dashboard", "Okta Admin Console", "Okta Browser Plugin"] {
        let app = |source, id_kind| AppRef { source, id_kind, id: "0oa1" };
        assert!(catalogue.resolve(&app(Source::Okta, AppIdKind::AppId), name).is_first_party, "{name}");
        assert!(!catalogue.resolve(&app(Source::Okta, AppIdKind::ClientId), name).is_first_party, "{name}");
        assert!(!catalogue.resolve(&app(Source::Entra, AppIdKind::ClientId), name).is_first_party, "{name}");
    }
}

#[test]
fn a_known_client_id_identifies_whatever_its_name_says() {
    let catalogue = Catalogue::embedded().unwrap();
    let id = "905154081809-858sm3f0qnalqd9d44d9gecjtrdji9tf.apps.googleusercontent.com";
    let app = AppRef { source: Source::GoogleWorkspace, id_kind: AppIdKind::ClientId, id };
    let resolution = catalogue.resolve(&app, "Slack");
    assert_eq!(resolution.app_key(&app), "notion.so");
    assert_eq!((resolution.by, resolution.look_alike), (ResolvedBy::ClientId, None));
}

#[test]
fn known_rogue_apps_are_known_by_id_alone() {
    let catalogue = Catalogue::embedded().unwrap();
    let reason = |source, id| {
        catalogue.resolve(&AppRef { source, id_kind: AppIdKind::ClientId, id }, "anything").rogue_reason.to_owned()
    };
    assert!(!reason(Source::Entra, "ff8d92dc-3d82-41d6-bcbd-b9174d163620").is_empty());
    assert!(!reason(Source::M365Ual, "FF8D92DC-3D82-41D6-BCBD-B9174D163620").is_empty());
    assert!(reason(Source::Okta, "ff8d92dc-3d82-41d6-bcbd-b9174d163620").is_empty());
    let app = AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id: "1" };
    assert_eq!(catalogue.resolve(&app, "PerfectData Software").rogue_reason, "");
}

#[test]
fn section_6_6_the_list_of_microsofts_ids_holds_no_third_party_no_authenticator_and_gives_no_name() {
    let catalogue = Catalogue::embedded().unwrap();
    let resolve = |id| {
        let app = AppRef { source: Source::Entra, id_kind: AppIdKind::ClientId, id };
        catalogue.resolve(&app, "Delivered Name")
    };
    for (id, name) in [
        ("00000000-0000-0000-0000-000000000000", "the all-zero GUID"),
        ("3a239e0d-7d9c-4f0a-a008-1672cd4a32e8", "Adobe Sign"),
        ("99ab7ace-ee47-4716-be6d-832749afaf3d", "Adobe Connect"),
        ("ee27ec8c-1ee9-4c6b-9e68-26bdc37479d3", "Amazon Business"),
        ("0b4dcf5f-e476-465b-8d46-538e19df4943", "Marketo Sales Engage"),
        ("4601ed45-8ff3-4599-8377-b6649007e876", "Marketo"),
        ("19083c3d-8383-4b18-bc03-8f1c9ab2fd1b", "YubiKey 5 Series (a FIDO AAGUID)"),
        ("90a3ccdf-635c-4729-a248-9b709135078f", "Authenticator for iOS (a FIDO AAGUID)"),
        ("7fd635b3-2ef9-4542-8d9d-164f2c771efc", "the macOS Platform Credential (a FIDO AAGUID)"),
    ] {
        assert!(!resolve(id).is_first_party, "{name}");
    }
    // Where the source's row names a permission, a role or a licence plan, its id is no app's either, or suppresses without naming: no entry of
    // the catalogue comes from the list, so the name stays the one that was delivered.
    let ids = CatalogueFiles::EMBEDDED.microsoft_first_party.lines().filter(|line| !line.starts_with('#'));
    for id in ids {
        assert!(!id.contains('\t'), "the list holds more than an id: {id}");
        assert!(resolve(id).entry.is_none_or(|entry| entry.publisher == "Microsoft"), "{id}");
    }
}
