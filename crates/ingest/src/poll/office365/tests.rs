//! Each odd answer of the API is a line here.

use super::{super::answer::tests::answer, *};

const NOW: Timestamp = Timestamp(784_111_777_000);
const ROOT: &str = "https://manage.office.com/api/v1.0/tid/activity/feed";

fn feed() -> Content {
    let base = url::read_base(URL).unwrap();
    Content {
        base,
        directory: "tid".to_owned(),
        interval_ms: 60_000,
        overlap_ms: 4 * 3_600_000,
        page_rest_ms: 100,
        stretch: None,
    }
}

fn place(position: &str) -> Place {
    Place { position: position.to_owned(), complete_to: Timestamp(NOW.0 - 600_000) }
}

fn understand(place: &Place, status: u16, headers: &[(&str, &str)], body: &str) -> Meaning {
    feed().understand(place, &answer(status, headers, body), NOW)
}

fn refusal(place: &Place, code: &str) -> Meaning {
    understand(place, 400, &[], &format!(r#"{{"error":{{"code":"{code}","message":"planted"}}}}"#))
}

fn listed(ids: &[&str]) -> String {
    let blob = |id: &&str| format!(r#"{{"contentType":"x","contentId":"{id}","contentUri":"{ROOT}/audit/{id}$04"}}"#);
    format!("[{}]", ids.iter().map(blob).collect::<Vec<_>>().join(","))
}

fn page(meaning: Meaning) -> Page {
    match meaning {
        Meaning::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_begins_an_overlap_before_what_is_complete_and_is_shorter_than_a_day() {
    let expected = format!(
        "{ROOT}/subscriptions/content?contentType=Audit.AzureActiveDirectory&PublisherIdentifier=tid\
         &startTime=1994-11-06T04%3A39%3A37&endTime=1994-11-07T03%3A39%3A37"
    );
    let ask = feed().ask(&place(""));
    assert_eq!((ask.url, ask.form), (expected, None));
}

#[test]
fn what_is_listed_is_fetched_blob_by_blob_then_the_next_page_and_only_then_is_it_complete() {
    let link = format!("{ROOT}/subscriptions/content?contentType=x&nextPage=2");
    let first = page(understand(&place(""), 200, &[("NextPageUri", &link)], &listed(&["a", "b"])));
    assert_eq!((first.has_events, first.rest_ms, first.next.complete_to), (false, 100, place("").complete_to));
    assert_eq!(feed().ask(&first.next).url, format!("{ROOT}/audit/a$04?PublisherIdentifier=tid"));
    let second = page(understand(&first.next, 200, &[], r#"[{"Id":"1"}]"#));
    assert!(second.has_events);
    assert_eq!(feed().ask(&second.next).url, format!("{ROOT}/audit/b$04?PublisherIdentifier=tid"));
    let third = page(understand(&second.next, 200, &[], "[]"));
    assert_eq!((third.has_events, feed().ask(&third.next).url), (false, link));
    // The last page lists one that was fetched already, and a new one.
    let fourth = page(understand(&third.next, 200, &[], &listed(&["a", "c"])));
    assert_eq!(feed().ask(&fourth.next).url, format!("{ROOT}/audit/c$04?PublisherIdentifier=tid"));
    let last = feed().understand(&fourth.next, &answer(200, &[], "[{}]"), NOW.plus_ms(90_000));
    let last = page(last);
    assert_eq!((last.has_events, last.rest_ms, last.next.complete_to), (true, 60_000, NOW));
    // The next look lists all three again, and fetches none.
    let again = page(understand(&last.next, 200, &[], &listed(&["a", "b", "c"])));
    assert_eq!((again.has_events, again.rest_ms, again.next.complete_to), (false, 60_000, NOW));
}

#[test]
fn after_days_away_one_window_follows_the_other() {
    let away = Place { position: String::new(), complete_to: NOW.plus_ms(-3 * 24 * 3_600_000) };
    let first = page(understand(&away, 200, &[], "[]"));
    assert_eq!((first.rest_ms, first.next.complete_to), (100, away.complete_to.plus_ms(19 * 3_600_000)));
    let second = page(understand(&first.next, 200, &[], "[]"));
    assert_eq!(second.next.complete_to, away.complete_to.plus_ms(38 * 3_600_000));
}

#[test]
fn without_a_subscription_one_is_asked_for_once_and_an_enabled_one_is_fine() {
    for code in ["AF20022", "AF20023"] {
        let asking = page(refusal(&place(""), code));
        let ask = feed().ask(&asking.next);
        let expected =
            format!("{ROOT}/subscriptions/start?contentType=Audit.AzureActiveDirectory&PublisherIdentifier=tid");
        assert_eq!((ask.url, ask.form.as_deref()), (expected, Some("")));
        let enabled = r#"{"contentType":"Audit.AzureActiveDirectory","status":"enabled","webhook":null}"#;
        for started in [page(understand(&asking.next, 200, &[], enabled)), page(refusal(&asking.next, "AF20024"))] {
            assert!(feed().ask(&started.next).url.contains("/subscriptions/content?"));
            // Not there yet: it is waited for, and asked for again after a quarter of an hour only.
            assert_eq!(refusal(&started.next, code), Meaning::Wait { told_ms: Some(60_000) });
            let body = format!(r#"{{"error":{{"code":"{code}"}}}}"#);
            let later = feed().understand(&started.next, &answer(400, &[], &body), NOW.plus_ms(15 * 60_000));
            assert!(feed().ask(&page(later).next).url.contains("/subscriptions/start?"));
        }
        let disabled = understand(&asking.next, 200, &[], &enabled.replace("enabled", "disabled"));
        assert!(matches!(disabled, Meaning::Broken { .. }));
        assert!(matches!(understand(&asking.next, 200, &[], "<html>"), Meaning::Broken { .. }));
    }
}

#[test]
fn a_blob_that_is_gone_is_told_and_the_others_are_fetched() {
    let first = page(understand(&place(""), 200, &[], &listed(&["a", "b"]))).next;
    for code in ["AF20050", "AF20051", "AF20052"] {
        let Meaning::Gone { page, why, of } = refusal(&first, code) else { panic!("{code}") };
        assert!(why.contains(code) && !why.contains("planted"), "{why}");
        assert_eq!(of, (feed().window(&place("")).0, NOW), "the window that was listed, up to now");
        assert!(feed().ask(&page.next).url.contains("/audit/b$04"));
    }
    assert!(matches!(refusal(&place(""), "AF20051"), Meaning::Broken { .. }));
}

#[test]
fn what_lies_beyond_the_reach_of_the_api_is_a_gap_that_is_told() {
    let away = Place { position: String::new(), complete_to: NOW.plus_ms(-9 * 24 * 3_600_000) };
    for code in ["AF20030", "AF20055"] {
        let Meaning::Gone { page, why, of } = refusal(&away, code) else { panic!("{code}") };
        assert!(why.contains("seven days") && why.contains("1994-10-28"), "{why}");
        assert_eq!(feed().window(&page.next).0, NOW.plus_ms(-REACH_MS));
        assert_eq!(of, (away.complete_to, NOW.plus_ms(-REACH_MS)));
        // A window within the reach is refused for another reason: no loop.
        assert!(matches!(refusal(&page.next, code), Meaning::Broken { .. }), "{code}");
    }
}

#[test]
fn an_ended_link_begins_the_look_anew_without_what_was_fetched() {
    let link = format!("{ROOT}/subscriptions/content?nextPage=2");
    let first = page(understand(&place(""), 200, &[("NextPageUri", &link)], &listed(&["a"]))).next;
    let fetched = page(understand(&first, 200, &[], "[{}]")).next;
    let anew = page(refusal(&fetched, "AF20031")).next;
    assert!(feed().ask(&anew).url.contains("startTime"));
    let again = page(understand(&anew, 200, &[("NextPageUri", &link)], &listed(&["a"]))).next;
    assert_eq!(feed().ask(&again).url, link);
}

#[test]
fn refusals_are_told_apart_and_say_what_to_grant() {
    let told = |status, headers: &[(&str, &str)], code: &str| {
        let answer = answer(status, headers, &format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#));
        feed().refusal(&answer, NOW).unwrap_or_else(|| feed().understand(&place(""), &answer, NOW))
    };
    for status in [401, 403] {
        let meaning = told(status, &[], "AF10001");
        assert_eq!(meaning, Meaning::PermissionMissing { name: "ActivityFeed.Read".into() }, "{status}");
    }
    assert_eq!(told(401, &[], "AF99999"), Meaning::TokenEnded);
    assert_eq!(told(429, &[("retry-after", "7")], "AF429"), Meaning::Wait { told_ms: Some(7_000) });
    assert_eq!(told(403, &[], "AF429"), Meaning::Wait { told_ms: None });
    assert!(matches!(told(500, &[], "AF50000"), Meaning::Unreachable { .. }));
    assert!(matches!(told(400, &[], "AF20010"), Meaning::LoginRefused { why } if why.contains("provider_tenant")));
    assert!(matches!(told(400, &[], "AF20012"), Meaning::PermissionMissing { name } if name.contains("Purview")));
    assert!(matches!(told(400, &[], "AF20001"), Meaning::Broken { .. }));
    for body in ["<html>", "{}", r#"{"error":{"code":"<script>"}}"#] {
        assert!(matches!(understand(&place(""), 403, &[], body), Meaning::Broken { .. }), "{body}");
    }
}

#[test]
fn a_list_that_leads_elsewhere_is_none() {
    let elsewhere = [
        listed(&["a"]).replace("manage.office.com", "evil.example"),
        listed(&["a"]).replace("/tid/", "/other/"),
        "<html>".to_owned(),
        "{}".to_owned(),
        r#"[{"contentId":7}]"#.to_owned(),
    ];
    for body in elsewhere {
        assert!(matches!(understand(&place(""), 200, &[], &body), Meaning::Broken { .. }), "{body}");
    }
    let evil = [("NextPageUri", "https://evil.example/api")];
    assert!(matches!(understand(&place(""), 200, &evil, "[]"), Meaning::Broken { .. }));
    let mut walk = Walk::default();
    walk.next_link = Some(format!("{ROOT}/x"));
    let position = walk.text();
    let itself = format!("{ROOT}/x");
    assert!(matches!(understand(&place(&position), 200, &[("NextPageUri", &itself)], "[]"), Meaning::Broken { .. }));
}
