//! Mapping files: what is wrong with one is told at start, with file, line and key.

use ingest::{
    parse::{MAPPING_BYTES_MAX, Mapping},
    read_mapping,
};

const GOOD: &str = r#"name = "x"
format = "json"
events = "/list"

[kind]
from = ["/type", "/sub"]
otherwise = "rejected"
[kind.values]
"a" = "sso"
"b" = "ignored"

[time]
from = ["/at", "/then"]
format = "%d.%m.%Y"
zone = "+02:00"

[id]
from = "/id"

[app]
id = "/app"
id_kind = "label"
name = "/title"

[fields]
user_email = "/who"
outcome = "/ok"

[constants]
actor_type = "user"
is_mfa = "true"

[values.outcome]
"yes" = "success"
"#;

fn told(text: &str) -> String {
    Mapping::parse("deploy/x.toml", text).map(|_| "nothing".to_owned()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn a_mapping_in_order_is_read() {
    assert_eq!(told(GOOD), "nothing");
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_key() {
    for (from, to, line, words) in [
        ("events", "event", 3, "event: is no key here; one of name, format, events"),
        ("otherwise = ", "other = ", 7, "kind.other: is no key here"),
        ("format = \"%", "formats = \"%", 14, "time.formats: is no key here"),
        ("name = \"/title\"", "title = \"/title\"", 23, "app.title: is no key here; one of id, always, id_kind, name"),
        ("\"sso\"", "\"signon\"", 9, "kind.values.a: `signon` is no kind; one of login_success"),
        ("otherwise = \"rejected\"", "otherwise = \"drop\"", 7, "kind.otherwise: `drop` is no kind"),
        ("user_email", "email", 26, "fields.email: is no canonical field; one of actor_email"),
        ("user_email", "tenant", 26, "fields.tenant: is no canonical field"),
        ("\"%d.%m.%Y\"", "\"iso8601\"", 14, "time.format: is no time format; one of `any`"),
        ("\"%d.%m.%Y\"", "\"%d.%m\"", 14, "time.format: is no time format"),
        ("\"+02:00\"", "\"Europe/Berlin\"", 15, "time.zone: is no offset"),
        ("\"/who\"", "\"who\"", 26, "fields.user_email: `who` is no JSON pointer: it begins with `/`"),
        ("\"/who\"", "\"/who~2\"", 26, "fields.user_email: `/who~2` is no JSON pointer"),
        ("\"/who\"", "7", 26, "fields.user_email: is no text in quotes"),
        ("\"/who\"", "[]", 26, "fields.user_email: is neither a text in quotes nor a list"),
        ("[\"/at\", \"/then\"]", "[\"/at\", 3]", 13, "time.from: is neither"),
        ("\"/list\"", "\"list\"", 3, "events: is no JSON pointer"),
        ("\"label\"", "\"merchant\"", 22, "app.id_kind: `merchant` is no kind of id; one of client_id"),
        ("\"user\"", "\"people\"", 30, "constants.actor_type: `people` is none of unknown, user"),
        ("is_mfa = \"true\"", "is_mfa = \"maybe\"", 31, "constants.is_mfa: `maybe` is none of true, false"),
        ("is_mfa = \"true\"", "outcome = \"success\"", 31, "constants.outcome: stands in [fields] too"),
        ("is_mfa = \"true\"", "available_at = \"1\"", 31, "constants.available_at: is a time"),
        ("\"success\"", "\"fine\"", 34, "yes: `fine` is none of unknown, success"),
        (
            "outcome = \"/ok\"",
            "outcome_code = \"/ok\"",
            33,
            "values.outcome: translates a field that is not in [fields]",
        ),
        ("\"json\"", "\"xml\"", 2, "format: is neither `json` nor `csv`"),
        ("events = \"/list\"", "delimiter = \";\"", 3, "delimiter: is for format = \"csv\""),
        ("name = \"x\"", "name = \"X y\"", 1, "name: must be 1 to 32"),
        (
            "id = \"/app\"\n",
            "id = \"/app\"\nalways = \"notion.so\"\n",
            22,
            "app.always: stands beside `id`; one of them",
        ),
        ("id = \"/app\"\n", "", 20, "app.id: is missing; the field that identifies the app"),
        ("id_kind = \"label\"\n", "", 20, "app.id_kind: is missing; one of client_id"),
        ("from = [\"/at\", \"/then\"]\n", "", 12, "time.from: is missing"),
        ("from = [\"/type\", \"/sub\"]\n", "", 5, "kind.from: is missing"),
        ("[kind.values]\n\"a\" = \"sso\"\n\"b\" = \"ignored\"\n", "", 5, "kind.values: is missing"),
        ("name = \"x\"\n", "", 1, "name: is missing"),
        ("format = \"json\"\n", "", 1, "format: is missing"),
        ("[time]", "[time", 12, "the file: is no TOML"),
        ("[id]\nfrom", "[id]\nfrom.x", 18, "id.from: is no text in quotes"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let told = told(&GOOD.replacen(from, to, 1));
        let place = format!("deploy/x.toml, line {line}: ");
        assert!(told.starts_with(&place) && told.contains(words) && !told.contains('\n'), "{from} → {to}: {told}");
    }
}

#[test]
fn a_mapping_must_say_what_when_and_whom_or_which_app() {
    for (missing, words) in [
        ("kind", "kind: is missing"),
        ("time", "time: is missing"),
        ("app", "app: is missing, and so is fields.user_email"),
    ] {
        let sections: Vec<&str> =
            GOOD.split("\n\n").filter(|section| !section.starts_with(&format!("[{missing}]"))).collect();
        let text = sections.join("\n\n").replace("user_email = \"/who\"\n", "");
        assert!(told(&text).contains(words), "{missing}: {}", told(&text));
    }
    let always = "name = \"x\"\nformat = \"json\"\ntime.from = \"/a\"\nfields.user_id = \"/b\"\nkind.always = ";
    assert_eq!(told(&format!("{always}\"sso\"")), "nothing");
    assert!(told(&format!("{always}\"ignored\"")).contains("kind.always: is no kind"));
}

#[test]
fn every_limit_of_a_mapping_is_told() {
    let head = "name = \"x\"\nformat = \"json\"\nkind.always = \"sso\"\ntime.from = \"/a\"\n";
    let many = |count: usize| -> String { (0..count).map(|n| format!("\"/f{n}\",")).collect() };
    let long = "y".repeat(600);
    let values: String = (0..2_001).map(|n| format!("v{n} = \"sso\"\n")).collect();
    let words: String = (0..2_001).map(|n| format!("v{n} = \"success\"\n")).collect();
    let names: Vec<&str> = [
        "scopes",
        "city",
        "ip",
        "asn",
        "as_org",
        "ua_os",
        "user_agent",
        "ua_browser",
        "resources",
        "session_id",
        "grant_id",
        "user_email",
        "user_id",
        "user_name",
        "actor_email",
        "actor_id",
        "actor_name",
        "country",
        "auth_method",
        "is_mfa",
        "outcome_code",
        "outcome_reason",
        "correlation_id",
        "transaction_id",
        "auth_protocol",
        "app_object_id",
    ]
    .to_vec();
    let sources: String = names
        .iter()
        .map(|name| format!("{name} = [{}]\n", (0..8).map(|n| format!("\"/{name}{n}\",")).collect::<String>()))
        .collect();
    for (text, expected) in [
        (format!("{head}fields.user_id = [{}]", many(9)), "names more than 8 places"),
        (format!("{head}fields.user_id = \"/{long}\""), "is longer than 512 bytes"),
        (format!("{head}fields.user_id = \"{}\"", "/a".repeat(17)), "is deeper than 16 levels"),
        (format!("events = \"{}\"\n{head}fields.user_id = \"/b\"", "/a".repeat(9)), "is deeper than 8 levels"),
        (
            format!(
                "name = \"x\"\nformat = \"json\"\ntime.from = \"/a\"\n[kind]\nfrom = \"/k\"\n[kind.values]\n{values}"
            ),
            "more than 2000 values",
        ),
        (format!("{head}[fields]\noutcome = \"/o\"\n[values.outcome]\n{words}"), "more than 2000 values"),
        (format!("{head}[fields]\n{sources}"), "more than the 200 pointers"),
        (format!("{head}# {}", "z".repeat(MAPPING_BYTES_MAX)), "larger than 262144 bytes"),
        (head.replace("\"x\"", &format!("{:?}", "n".repeat(33))), "must be 1 to 32"),
    ] {
        let told = told(&text);
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn a_csv_mapping_names_columns_and_its_delimiter() {
    let csv = |more: &str| {
        format!(
            "name = \"x\"\nformat = \"csv\"\n{more}kind.always = \"sso\"\ntime.from = \"When\"\nfields.user_id = \"Who\"\n"
        )
    };
    assert_eq!(told(&csv("delimiter = \"|\"\n")), "nothing");
    assert!(told(&csv("delimiter = \"::\"\n")).contains("line 3: delimiter: is none of"));
    assert!(told(&csv("events = \"/a\"\n")).contains("line 3: events: is for format = \"json\""));
    assert!(told(&csv("").replace("\"Who\"", "\"/who\"")).contains("looks like a JSON pointer, and format is `csv`"));
}

#[test]
fn a_mapping_that_is_not_there_or_far_too_large_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let told = read_mapping(&path).unwrap_err().to_string();
    assert!(told.contains("none.toml") && told.contains("name a file that exists"), "{told}");
    std::fs::write(&path, "#".repeat(MAPPING_BYTES_MAX * 2)).unwrap();
    assert!(read_mapping(&path).unwrap_err().to_string().contains("larger than"));
}
