//! The splitter on whole and on damaged bodies, through the parser, and its limits.

use event::Source;
use ingest::{
    delivery::{EVENT_BYTES_MAX, EVENTS_PER_DELIVERY_MAX, Elements, Fault, JSON_DEPTH_MAX},
    parse::{framing, readable_providers},
};
use proptest::prelude::*;
use serde_json::json;

use crate::check::{Got, context, edited, fixture, parse_all};

fn split(body: &[u8]) -> Vec<(usize, usize, Option<Fault>)> {
    Elements::new(body, framing(Source::Okta), EVENTS_PER_DELIVERY_MAX)
        .map(|element| (element.offset, element.offset + element.bytes.len(), element.fault))
        .collect()
}

fn texts(body: &str) -> Vec<(&str, Option<Fault>)> {
    split(body.as_bytes()).into_iter().map(|(start, end, fault)| (&body[start..end], fault)).collect()
}

#[test]
fn a_body_may_have_any_of_the_known_shapes() {
    let (a, b) = (r#"{"eventType":"a"}"#, r#"{"eventType":"b","x":[{"y":1}]}"#);
    for body in [
        format!("[{a},{b}]"),
        format!(" [ {a} ,\n {b} ]\n"),
        format!("{a}\n{b}\n"),
        format!("{a}\r\n\r\n{b}"),
        format!("{a}{b}"),
        format!("[{a}]\n[{b}]\n"),
        format!(r#"{{"data":{{"events":[{a},{b}]}},"eventTime":"t"}}"#),
        format!(r#"{{"records":[{a},{b}]}}"#),
        format!("{{\"records\":[{a}]}}\n{{\"records\":[{b}]}}"),
        format!(r#"{{"@odata.context":"c","value":[{a},{b}],"@odata.nextLink":"l"}}"#),
        format!(r#"{{"items":[{a},{b}]}}"#),
        format!("\u{feff}[{a},{b}]"),
    ] {
        assert_eq!(texts(body.trim_start_matches('\u{feff}')), [(a, None), (b, None)], "{body}");
    }
    assert_eq!(texts("").len() + texts("[]").len() + texts("{\"value\":[]}").len() + texts(" \n").len(), 0);
}

#[test]
fn a_broken_element_is_one_reject_and_costs_no_good_one() {
    let (a, b) = (r#"{"eventType":"a","t":[{"id":1},{"id":2}]}"#, r#"{"eventType":"b"}"#);
    for broken in [
        r#"{"eventType":"x","t":[{"id":1},{"id":2}"#,
        r#"{"eventType":"x,"t":[{"id":1},{"id":2}]}"#,
        r#"{"eventType":x,"t":[{"id":1},{"id":2}]}"#,
        r#"{"eventType":"x","t":[{"id":1},{"id":2}]]}"#,
        r#"{"eventType":"x""#,
        r#"{"eventType":"x","u":"\"}"#,
        r#"{"eventType":"x"}}"#,
        r#""eventType":"x"}"#,
        "garbage",
    ] {
        for (before, between, behind) in
            [("[", ",", "]"), ("", "\n", "\n"), (r#"{"data":{"events":["#, ",", "]}}"), (r#"{"records":["#, ",", "]}")]
        {
            let body = format!("{before}{a}{between}{broken}{between}{b}{behind}");
            assert_eq!(texts(&body), [(a, None), (broken, Some(Fault::Broken)), (b, None)], "{body}");
        }
    }
}

#[test]
fn a_broken_last_element_does_not_take_the_envelope_along() {
    let broken = r#"{"eventType":"x","t":[{"id":1},{"id":2}"#;
    for (before, behind) in [("[", "]"), (r#"{"data":{"events":["#, "] }}\n")] {
        assert_eq!(texts(&format!("{before}{broken}{behind}")), [(broken, Some(Fault::Broken))]);
    }
}

#[test]
fn a_bracket_too_many_does_not_end_the_array() {
    for body in [r#"[]{"eventType":"a"},{"eventType":"b"}]"#, r#"[{"eventType":"a"}],{"eventType":"b"}]"#] {
        let good: Vec<&str> =
            texts(body).into_iter().filter(|(_, fault)| fault.is_none()).map(|(text, _)| text).collect();
        assert!(good.contains(&r#"{"eventType":"b"}"#), "{body}: {good:?}");
    }
}

#[test]
fn two_broken_elements_side_by_side_are_two() {
    let body = r#"[{"eventType":"a"},{"eventType":"x,{"eventType":y},{"eventType":"b"}]"#;
    let faults: Vec<Option<Fault>> = texts(body).into_iter().map(|(_, fault)| fault).collect();
    assert_eq!(faults, [None, Some(Fault::Broken), Some(Fault::Broken), None]);
}

#[test]
fn section_5_3_one_bad_record_does_not_cost_good_ones() {
    let good = fixture("okta/sso").to_string();
    let cut = &good[..good.len() / 2];
    let body = format!("[{good},{cut},{good},5,{{}},{good}]");
    let meanings: Vec<String> = parse_all(Source::Okta, body.as_bytes(), &context()).iter().map(Got::meaning).collect();
    let expected = [
        "sso success",
        "rejected bad_json",
        "sso success",
        "rejected not_an_event",
        "rejected not_an_event",
        "sso success",
    ];
    assert_eq!(meanings, expected);
}

#[test]
fn section_5_2_an_event_may_have_256_kib_and_no_more() {
    let of_length = |bytes: usize| {
        let frame = edited("okta/sso", &[("/displayMessage", json!(""))]).to_string().len();
        edited("okta/sso", &[("/displayMessage", json!("x".repeat(bytes - frame)))]).to_string()
    };
    for (bytes, meaning) in [(EVENT_BYTES_MAX, "sso success"), (EVENT_BYTES_MAX + 1, "rejected too_large")] {
        let body = format!("[{},{}]", of_length(bytes), fixture("okta/sso"));
        let got = parse_all(Source::Okta, body.as_bytes(), &context());
        assert_eq!(got.iter().map(Got::meaning).collect::<Vec<_>>(), [meaning, "sso success"]);
    }
}

#[test]
fn an_event_may_be_64_deep_and_no_more() {
    for (depth, meaning) in
        [(JSON_DEPTH_MAX, "sso success"), (JSON_DEPTH_MAX + 1, "rejected too_deep"), (100_000, "rejected too_deep")]
    {
        let event = fixture("okta/sso").to_string();
        let nested = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let body = format!("[{{\"x\":{nested},{},{event}]", &event[1..]);
        let got = parse_all(Source::Okta, body.as_bytes(), &context());
        assert_eq!(got.iter().map(Got::meaning).collect::<Vec<_>>(), [meaning, "sso success"], "{depth}");
    }
}

#[test]
fn a_delivery_may_have_10_000_events_and_no_more() {
    for (count, last) in [
        (EVENTS_PER_DELIVERY_MAX, None),
        (EVENTS_PER_DELIVERY_MAX + 1, Some(Fault::TooMany)),
        (50_000, Some(Fault::TooMany)),
    ] {
        let body = format!("[{}]", vec!["{}"; count].join(","));
        let elements = split(body.as_bytes());
        assert_eq!(elements.len(), count.min(EVENTS_PER_DELIVERY_MAX + 1));
        assert_eq!(elements.last().unwrap().2, last);
    }
}

#[test]
fn a_body_made_to_cost_time_costs_little() {
    // Each of these would take hours if each of its brackets were followed to the end of the body.
    for unit in [
        r#",{"eventType":[1"#,
        ",{",
        "[{",
        "[1,\n",
        "[1,",
        r#",{"a":{"b":[{"c":""#,
        r#"{"a":[1,"#,
        "{\"a\":[1,\n",
        "{\"data\":{\"events\":[\n",
        "{\"data\":{\"events\":[{}],\"a\":[",
        "{\"eventType\":\"x\"}x,",
        "1,",
    ] {
        for before in ["", "[", r#"[{"a":[1,"#, r#"{"records":["#] {
            let body = format!("{before}{}", unit.repeat(1_000_000 / unit.len()));
            let began = std::time::Instant::now();
            let mut end = 0;
            for element in Elements::new(body.as_bytes(), framing(Source::Okta), usize::MAX) {
                assert!(element.offset >= end);
                end = element.offset + element.bytes.len();
            }
            assert!(end > 0 && began.elapsed().as_secs() < 20, "{before}{unit}: {:?}", began.elapsed());
        }
    }
}

#[test]
fn many_damaged_elements_cost_no_good_one_in_a_large_body() {
    let good = fixture("okta/sso").to_string();
    let truncated = &good[..good.find("ipChain").unwrap() + 40];
    let parts: Vec<&str> = (0..3_000).map(|index| if index % 5 == 2 { truncated } else { good.as_str() }).collect();
    for (before, behind) in [("[", "]"), (r#"{"data":{"events":["#, "]}}")] {
        let body = format!("{before}{}{behind}", parts.join(","));
        let found = split(body.as_bytes());
        assert_eq!((found.len(), found.iter().filter(|(_, _, fault)| fault.is_none()).count()), (3_000, 2_400));
    }
}

/// A body of events, one of them damaged somewhere.
fn damaged() -> impl Strategy<Value = (Vec<String>, usize, Vec<u8>, bool)> {
    let value = prop_oneof![
        "[a-z{}\\[\\],:\\\\\" ]{0,12}".prop_map(|text| json!(text)),
        any::<i32>().prop_map(|number| json!(number)),
        Just(json!([{"id": 1, "type": "User"}, {"id": 2}])),
        Just(json!({"a": {"b": null}})),
    ];
    let event = proptest::collection::vec(value, 0..4).prop_map(|values| {
        let mut event = json!({"eventType": "user.authentication.sso"});
        for (index, value) in values.into_iter().enumerate() {
            event[format!("field{index}")] = value;
        }
        event.to_string()
    });
    (
        proptest::collection::vec(event, 1..6),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<u8>(),
        0..4_u8,
        any::<bool>(),
    )
        .prop_map(|(events, which, place, byte, damage, is_hook)| {
            let which = which.index(events.len());
            let mut bytes = events[which].clone().into_bytes();
            let at = place.index(bytes.len());
            match damage {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
            (events, which, bytes, is_hook)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn every_good_element_beside_a_damaged_one_is_found((events, which, bytes, is_hook) in damaged()) {
        let parts: Vec<Vec<u8>> = events.iter().enumerate()
            .map(|(index, event)| if index == which { bytes.clone() } else { event.clone().into_bytes() }).collect();
        let mut body = if is_hook { br#"{"data":{"events":["#.to_vec() } else { b"[".to_vec() };
        body.extend(parts.join(&b','));
        body.extend(if is_hook { &b"]},\"eventTime\":\"t\"}"[..] } else { b"]" });
        let found = split(&body);
        for (index, event) in events.iter().enumerate().filter(|(index, _)| *index != which) {
            let wanted = 1 + events.iter().enumerate().filter(|(other, text)| *other != which && *other < index && *text == event).count();
            let count = found.iter().filter(|(start, end, fault)| fault.is_none() && &body[*start..*end] == event.as_bytes()).count();
            prop_assert!(count >= wanted, "{} lost from {}", event, String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn elements_never_overlap_and_nothing_panics(body in proptest::collection::vec(
        prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b','), Just(b':'), Just(b'\n'), Just(b'1'), Just(b'\\'), any::<u8>()], 0..200,
    )) {
        let mut end_before = 0;
        for (start, end, _) in split(&body) {
            prop_assert!(start >= end_before && end > start && end <= body.len());
            end_before = end;
        }
        for source in readable_providers() {
            parse_all(source, &body, &context());
        }
        prop_assert!(ingest::delivery::scrub(&body, &[]).text.len() <= EVENT_BYTES_MAX);
    }
}
