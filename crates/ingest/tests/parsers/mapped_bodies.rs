//! Bodies of a mapped source: every form that a page or a table may have, whole and damaged, and what makes an event's id.

use event::Source;
use ingest::parse::{COLUMNS_MAX, Mapping, Pieces};
use serde_json::{Value, json};

use crate::{
    check::{Got, context},
    mapped::{body, parsed, shipped},
};

const TABLE: &str = r#"
name = "t"
format = "csv"
kind.always = "sso"
time.from = "when"
app.id = "app"
app.id_kind = "client_id"
fields.user_email = "who"
"#;

const PAGE: &str = r#"
name = "p"
format = "json"
events = "/data/list"
kind.always = "sso"
time.from = "/at"
app.id = "/app"
app.id_kind = "client_id"
"#;

fn mapping(text: &str) -> Mapping {
    Mapping::parse("m.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn apps(got: &[Got]) -> Vec<String> {
    let app = |got: &Got| match got {
        Got::Event(..) => got.text("app_native_id").to_owned(),
        _ => got.meaning(),
    };
    got.iter().map(app).collect()
}

/// What is told of a table that cannot be read at all.
fn refusal(text: &str, body: &str) -> String {
    let mapping = mapping(text);
    let told = Pieces::open(body.as_bytes(), Source::Mapped, Some(&mapping), &[], 10).err().unwrap().to_string();
    assert_eq!(parsed(&mapping, body.as_bytes()), [Got::Rejected("missing_field".to_owned(), told.clone())]);
    told
}

#[test]
fn json_comes_as_array_lines_or_declared_page() {
    let page = mapping(PAGE);
    let event = |app: &str| json!({"at": 1_772_357_400, "app": app, "items": [{}], "value": [1]}).to_string();
    let (one, two) = (event("one"), event("two"));
    for body in [
        format!("[{one},{two}]"),
        format!("{one}\n{two}\n"),
        format!(r#"{{"total":2,"data":{{"list":[{one},{two}],"next":null}}}}"#),
        format!(r#"{{"data":{{"list":[{one}]}}}}{}{{"data":{{"list":[{two}]}}}}"#, "\n"),
    ] {
        assert_eq!(apps(&parsed(&page, body.as_bytes())), ["p/one", "p/two"], "{body}");
    }
    // Without a declared page, a field that looks like one of another provider's envelopes is a field.
    let lines = mapping(&PAGE.replace("events = \"/data/list\"\n", ""));
    assert_eq!(apps(&parsed(&lines, one.as_bytes())), ["p/one"]);
}

#[test]
fn the_log_of_one_product_is_about_that_product() {
    let text = PAGE.replace("app.id = \"/app\"", "app.always = \"notion.so\"").replace("\"client_id\"", "\"domain\"");
    let got = parsed(&mapping(&text), br#"[{"at": 1772357400}]"#);
    assert_eq!((got[0].text("app_ref"), got[0].text("app_name")), ("mapped:client_id:notion.so", "notion.so"));
}

#[test]
fn a_damaged_event_of_a_page_costs_no_other() {
    let event = |app: &str| json!({"id": app, "at": 1_772_357_400, "app": app}).to_string();
    let broken = r#"{"id":"x","at":1772357400,"app":"x}"#;
    let list = [event("one").as_str(), broken, &event("two"), "{\"at\": true}", "5", &event("three")].join(",");
    let got = parsed(&mapping(PAGE), format!(r#"{{"data":{{"list":[{list}]}}}}"#).as_bytes());
    let expected = ["p/one", "rejected bad_json", "p/two", "rejected bad_time", "rejected not_an_event", "p/three"];
    assert_eq!(apps(&got), expected);
    assert_eq!(apps(&parsed(&mapping(PAGE), b"<html>no</html>")), ["rejected bad_json"]);
}

#[test]
fn a_table_that_lacks_a_column_is_refused_whole_and_says_which() {
    for (header, words) in [
        ("", "no header line, which m.toml needs"),
        ("when,who\n2026-03-01T09:30:00Z,ann@example.com\n", "lacks the column `app` that m.toml points at"),
        ("when,app,who,app\n1,2,3,4\n", "has twice the column `app`"),
        ("when;app;who\n1;2;3\n", "lacks the column `when`"),
    ] {
        let told = refusal(TABLE, header);
        assert!(told.contains(words), "{header:?}: {told}");
    }
    let wide = format!("when,app,who{}\n", ",x".repeat(COLUMNS_MAX));
    assert!(refusal(TABLE, &wide).contains("more than 1000 columns"));
}

#[test]
fn a_table_is_read_by_its_columns_wherever_they_stand() {
    let row = |app: &str| format!("x,{app},2026-03-01T09:30:00Z,\"ann@example.com\"\r\n");
    let body = format!("\u{feff}other, APP ,When,who\r\n{}\r\n\r\n{}", row("one"), row("\"two\nlines\""));
    let got = parsed(&mapping(TABLE), body.as_bytes());
    assert_eq!(apps(&got), ["t/one", "t/two\nlines"]);
    assert_eq!(got[0].text("user_email"), "ann@example.com");
    let bytes = [b"when,app,who\n2026-03-01T09:30:00Z,caf\xe9,\n".as_slice()].concat();
    assert_eq!(apps(&parsed(&mapping(TABLE), &bytes)), ["t/caf\u{fffd}"], "an old encoding costs no row");
    let got = parsed(
        &mapping(&TABLE.replace("kind.always", "delimiter = \"\\t\"\nkind.always")),
        b"when\tapp\twho\n1772357400\ta\t\n",
    );
    assert_eq!(apps(&got), ["t/a"]);
}

#[test]
fn a_damaged_row_costs_no_other() {
    let good = |app: &str| format!("2026-03-01T09:30:00Z,{app},ann@example.com\n");
    let rows = [
        good("one"),
        "2026-03-01T09:30:00Z,short\n".to_owned(),
        good("two"),
        "2026-03-01T09:30:00Z,\"lost quote,ann@example.com\n".to_owned(),
        good("three"),
        "2026-03-01T09:30:00Z,,ann@example.com\n".to_owned(),
        format!("2026-03-01T09:30:00Z,{},x\n", "y".repeat(300 * 1024)),
        good("four"),
    ];
    let got = parsed(&mapping(TABLE), format!("when,app,who\n{}", rows.concat()).as_bytes());
    let expected =
        ["t/one", "rejected bad_field", "t/two", "rejected bad_json", "t/three", "", "rejected too_large", "t/four"];
    assert_eq!(apps(&got), expected);
}

#[test]
fn a_table_of_lost_quotes_ends_in_bounded_time() {
    let body = format!("when,app,who\n{}", "a,\"b\n".repeat(20_000));
    let got = parsed(&mapping(TABLE), body.as_bytes());
    assert!(got.len() < 20_000 && got.iter().all(|got| got.meaning().starts_with("rejected")), "{}", got.len());
}

#[test]
fn more_rows_than_a_delivery_may_hold_are_one_reject_over_the_rest() {
    let body = format!("when,app,who\n{}", "2026-03-01T09:30:00Z,a,b@example.com\n".repeat(10_001));
    let got = parsed(&mapping(TABLE), body.as_bytes());
    assert_eq!((got.len(), got[10_000].meaning().as_str()), (10_001, "rejected too_many"));
}

#[test]
fn an_event_is_the_same_however_it_is_printed_and_another_sources_is_another() {
    let text = |name: &str, id: &str| PAGE.replace("\"p\"", &format!("{name:?}")) + id;
    let id = |mapping: &Mapping, event: &Value, is_pretty: bool| {
        let printed = if is_pretty { serde_json::to_string_pretty(event).unwrap() } else { event.to_string() };
        let got = parsed(mapping, printed.as_bytes());
        (got[0].text("event_id").to_owned(), got[0].list("parse_warnings").contains(&"no_native_id"))
    };
    let event = json!({"at": 1_772_357_400, "app": "one", "n": 1, "a": "x.y", "b": "z"});
    let content = mapping(&text("p", ""));
    let (first, is_flagged) = id(&content, &event, false);
    assert!(is_flagged);
    assert_eq!(id(&content, &event, true).0, first, "layout is not content");
    assert_ne!(id(&mapping(&text("q", "")), &event, false).0, first);
    let named = mapping(&text("p", "id.from = [\"/a\", \"/b\"]\n"));
    let (first, is_flagged) = id(&named, &event, false);
    assert!(!is_flagged);
    assert_eq!(id(&named, &json!({"at": 1_772_357_401, "app": "two", "a": "x.y", "b": "z"}), false).0, first);
    assert_ne!(id(&named, &json!({"at": 1_772_357_400, "app": "one", "a": "x", "b": "y.z"}), false).0, first);
    let (_, is_flagged) = id(&named, &json!({"at": 1_772_357_400, "app": "one", "a": null}), false);
    assert!(is_flagged, "an event without any of its id's fields is known by its content");
}

#[test]
fn a_connection_without_its_mapping_rejects_and_does_not_guess() {
    let got = crate::check::parse_all(Source::Mapped, &body("jumpcloud.json"), &context());
    assert!(got.iter().all(|got| got.meaning() == "rejected not_an_event"), "{got:?}");
    let got = parsed(&shipped("jumpcloud"), br#"[{"event_type":"sso_auth","success":true,"timestamp":[]}]"#);
    assert_eq!(got[0].meaning(), "rejected missing_field");
}
