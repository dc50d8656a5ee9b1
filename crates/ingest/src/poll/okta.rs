//! Okta's System Log (formats.md, section 1; <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/SystemLog/>).
//!
//! A *polling* request has no `until`: its pages are ordered by the time at which Okta stored an event, never end, and each names the next one
//! in `Link: …; rel="next"`, also where it is empty. Only these links are followed: paging by `since` would lose what is stored late.
//! A token may use half of a bucket (`X-Rate-Limit-*`), so we stop there until it is full again.
//!
//! A back-fill is a *bounded* request: with an `until`, ordered by `published`, and its last page names no next one. What is stored late is not
//! in it; that is what the polling request is for.

use event::{Fact, Source, Timestamp};
use reqwest::{
    Url,
    header::{HeaderMap, LINK},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{
    Ask, Feed, Meaning, Page, Place, PollConfig, Stretch,
    answer::{Answer, TOLD_WAIT_MS_MAX},
    login::Credential,
    url,
};
use crate::parse::told_by_provider;

/// How long events are kept: 90 days. Milliseconds.
const KEPT_MS: i64 = 90 * 86_400_000;
/// The largest page that Okta gives.
const PAGE_EVENTS_MAX: u32 = 1_000;
/// Six looks a minute: of a bucket of 120 a minute the twentieth part.
const INTERVAL_MS: u64 = 10_000;
/// Events are stored up to an hour late (an hour is beyond what Okta's support calls usual).
const OVERLAP_MS: u64 = 3_600_000;
/// Between two full pages. The bucket is looked at in any case.
const PAGE_REST_MS: u64 = 250;
/// What a service app asks for.
const SCOPE: &str = "okta.logs.read";
/// Where the org gives tokens to apps, when no other place is configured.
const TOKEN_PATH: &str = "/oauth2/v1/token";
/// What a request needs. An API token has the rights of the administrator who made it; a service app its scopes, as far as its role goes.
const PERMISSION: &str = "okta.logs.read (OAuth scope), and a role that may view the System Log (Read-only Administrator) to the service app, or to \
                          the administrator of the API token";

/// The System Log of one org.
#[derive(Clone)]
struct SystemLog {
    base: Url,
    interval_ms: u64,
    overlap_ms: i64,
    page_events_max: u32,
    page_rest_ms: u64,
    /// Bounded to this, for a back-fill.
    stretch: Option<Stretch>,
}

/// The feeds and the login of a connection.
pub(crate) fn open(config: &PollConfig, base: &Url) -> Result<(Credential, Vec<Box<dyn Feed>>), String> {
    let credential = login(config, base)?;
    let feed = SystemLog {
        base: base.clone(),
        interval_ms: config.interval_ms.unwrap_or(INTERVAL_MS),
        overlap_ms: i64::try_from(config.overlap_ms.unwrap_or(OVERLAP_MS)).unwrap_or(i64::MAX),
        page_events_max: config.page_events_max.unwrap_or(PAGE_EVENTS_MAX).clamp(1, PAGE_EVENTS_MAX),
        page_rest_ms: config.page_rest_ms.unwrap_or(PAGE_REST_MS),
        stretch: None,
    };
    Ok((credential, vec![Box::new(feed)]))
}

/// Either a service app that signs who it is, or an API token.
fn login(config: &PollConfig, base: &Url) -> Result<Credential, String> {
    match (&config.token, &config.client_id, &config.private_key) {
        (Some(key), None, None) => Ok(Credential::Key { scheme: "SSWS", key: key.clone() }),
        (None, Some(client_id), Some(key)) => {
            let default_url = || format!("{}{TOKEN_PATH}", url::text_of(base));
            let token_url = url::read_base(&config.token_url.clone().unwrap_or_else(default_url))?;
            Ok(Credential::ServiceApp {
                token_url: token_url.to_string(),
                client_id: client_id.clone(),
                key: key.clone(),
                key_id: config.key_id.clone().unwrap_or_default(),
                scope: SCOPE,
            })
        }
        (Some(_), ..) => Err("an api of okta logs in by `client_id` and `private_key`, or by `token`; give one of the two".to_owned()),
        _ => Err("an api of okta needs `client_id` and `private_key` of a service app, or `token`, the API token of an administrator who may \
                  view logs"
            .to_owned()),
    }
}

impl Feed for SystemLog {
    fn name(&self) -> &'static str {
        "system_log"
    }

    fn tells(&self) -> &'static [Fact] {
        told_by_provider(Source::Okta)
    }

    fn history(&self, stretch: Stretch) -> Box<dyn Feed> {
        let page_rest_ms = stretch.rest_ms(self.page_rest_ms);
        Box::new(SystemLog { page_rest_ms, stretch: Some(stretch), ..self.clone() })
    }

    fn kept_ms(&self) -> Option<i64> {
        Some(KEPT_MS)
    }

    fn ask(&self, place: &Place) -> Ask {
        if !place.position.is_empty() {
            return Ask::get(place.position.clone());
        }
        let since = place.complete_to.plus_ms(-self.overlap_ms);
        let (base, limit) = (url::text_of(&self.base), self.page_events_max);
        match self.stretch {
            None => Ask::get(format!("{base}/api/v1/logs?since={since}&sortOrder=ASCENDING&limit={limit}")),
            Some(Stretch { since: first, until, .. }) => {
                let since = since.max(first);
                Ask::get(format!("{base}/api/v1/logs?since={since}&until={until}&sortOrder=ASCENDING&limit={limit}"))
            }
        }
    }

    fn understand(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning {
        match answer.status {
            200 => self.page(place, answer, now),
            // Beyond the retention, or written before Okta changed what a cursor is.
            400 | 404 | 410 => Meaning::CursorUnknown,
            403 => Meaning::PermissionMissing { name: PERMISSION.to_owned() },
            _ => answer.unexplained(),
        }
    }
}

impl SystemLog {
    fn page(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning {
        let Ok(events) = <Vec<IgnoredAny>>::deserialize(&mut serde_json::Deserializer::from_slice(&answer.body)) else {
            return answer.unreadable("page of the System Log");
        };
        let next = next_link(&answer.headers);
        if let Some(stretch) = &self.stretch
            && (next.is_none() || (events.is_empty() && next == Some(place.position.as_str())))
        {
            let next = Place { position: String::new(), complete_to: stretch.until };
            return Meaning::Page(Page { has_events: !events.is_empty(), next, rest_ms: 0 });
        }
        let Some(next) = next else {
            return Meaning::Broken { why: "a page names no next one (Link: rel=\"next\")".to_owned() };
        };
        if !url::is_of(&self.base, next) {
            return Meaning::Broken { why: "the next page would be on another host; correct the url".to_owned() };
        }
        let is_caught_up = events.len() < usize::try_from(self.page_events_max).unwrap_or(usize::MAX);
        let (complete_to, rest_ms) = match &self.stretch {
            Some(stretch) => (come_to(place, stretch, &answer.body), self.page_rest_ms),
            None if is_caught_up => (now, self.interval_ms),
            None => (place.complete_to, self.page_rest_ms),
        };
        Meaning::Page(Page {
            has_events: !events.is_empty(),
            next: Place { position: next.to_owned(), complete_to },
            rest_ms: rest_ms.max(bucket_rest_ms(
                answer,
                now,
                self.stretch.map_or(100, |stretch| stretch.share_percent),
            )),
        })
    }
}

/// How far a bounded list has come: up to its last event, and never to its end, which only the last page knows.
fn come_to(place: &Place, stretch: &Stretch, body: &[u8]) -> Timestamp {
    #[derive(Deserialize)]
    struct Event {
        #[serde(default)]
        published: Value,
    }
    let last = serde_json::from_slice::<Vec<Event>>(body).ok().and_then(|mut events| events.pop());
    let published = last.and_then(|event| Timestamp::parse(event.published.as_str()?));
    published.unwrap_or(place.complete_to).clamp(place.complete_to, stretch.until.plus_ms(-1).max(place.complete_to))
}

/// Until the bucket is full again, where half of it is used; whoever used it, because what is left is for the others. A back-fill takes but its
/// share of that half, and so leaves the rest to live polling.
fn bucket_rest_ms(answer: &Answer, now: Timestamp, share_percent: u32) -> u64 {
    let told = (answer.number("x-rate-limit-limit"), answer.number("x-rate-limit-remaining"), answer.rate_reset_at());
    let (Some(limit), Some(remaining), Some(reset_at)) = told else { return 0 };
    let used = limit.saturating_sub(remaining);
    if used.saturating_mul(2 * 100) < limit.saturating_mul(u64::from(share_percent)) {
        return 0;
    }
    u64::try_from(reset_at.since_ms(now)).unwrap_or(0).min(TOLD_WAIT_MS_MAX)
}

/// The link to the next page (RFC 8288): `<https://…>; rel="next"`. There are several headers, or several links in one.
fn next_link(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(|mut rest| {
        while let Some((_, link)) = rest.split_once('<') {
            let (url, after) = link.split_once('>')?;
            let parameters = after.split('<').next().unwrap_or_default();
            if parameters.replace(' ', "").contains("rel=\"next\"") {
                return Some(url);
            }
            rest = after;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::{super::answer::tests::answer, *};

    const NOW: Timestamp = Timestamp(784_111_777_000);
    const NEXT: (&str, &str) = ("link", "<https://acme.okta.com/api/v1/logs?after=2_1>; rel=\"next\"");

    fn feed() -> SystemLog {
        let base = url::read_base("https://acme.okta.com").unwrap();
        SystemLog {
            base,
            interval_ms: 10_000,
            overlap_ms: 3_600_000,
            page_events_max: 2,
            page_rest_ms: 250,
            stretch: None,
        }
    }

    fn place(position: &str) -> Place {
        Place { position: position.to_owned(), complete_to: Timestamp(NOW.0 - 7_200_000) }
    }

    fn page(headers: &[(&str, &str)], body: &str) -> Meaning {
        feed().understand(&place("x"), &answer(200, headers, body), NOW)
    }

    #[test]
    fn without_a_position_it_is_read_from_the_time_less_the_overlap_and_else_by_the_link_alone() {
        assert_eq!(
            feed().ask(&place("")).url,
            "https://acme.okta.com/api/v1/logs?since=1994-11-06T05:49:37.000Z&sortOrder=ASCENDING&limit=2"
        );
        let link = "https://acme.okta.com/api/v1/logs?after=1608761686074_1";
        assert_eq!(feed().ask(&place(link)).url, link);
    }

    #[test]
    fn a_full_page_is_followed_soon_and_one_that_is_not_full_says_that_everything_is_there() {
        for (body, has_events, rest_ms, complete_to) in [
            ("[{},{}]", true, 250, Timestamp(NOW.0 - 7_200_000)),
            ("[{}]", true, 10_000, NOW),
            ("[]", false, 10_000, NOW),
        ] {
            let next = Place { position: "https://acme.okta.com/api/v1/logs?after=2_1".into(), complete_to };
            assert_eq!(page(&[NEXT], body), Meaning::Page(Page { has_events, next, rest_ms }), "{body}");
        }
    }

    #[test]
    fn the_next_link_is_found_among_others_and_never_leads_to_another_host() {
        let own = ("link", "<https://acme.okta.com/api/v1/logs?limit=2>; rel=\"self\"");
        for headers in [
            &[own, NEXT][..],
            &[(
                "link",
                "<https://acme.okta.com/a>; rel=\"self\", <https://acme.okta.com/api/v1/logs?after=2_1>; rel=\"next\"",
            )],
        ] {
            assert!(
                matches!(page(headers, "[]"), Meaning::Page(Page { next, .. }) if next.position.ends_with("after=2_1"))
            );
        }
        for (headers, word) in [
            (&[own][..], "no next"),
            (&[("link", "<https://evil.example/api/v1/logs?after=2_1>; rel=\"next\"")], "another host"),
            (&[("link", "</api/v1/logs?after=2_1>; rel=\"next\"")], "another host"),
        ] {
            assert!(matches!(page(headers, "[]"), Meaning::Broken { why } if why.contains(word)), "{headers:?}");
        }
    }

    #[test]
    fn half_of_the_bucket_is_left_to_others() {
        let bucket = |remaining: &'static str| {
            let told = [
                NEXT,
                ("x-rate-limit-limit", "120"),
                ("x-rate-limit-remaining", remaining),
                ("x-rate-limit-reset", "784111837"),
            ];
            match page(&told, "[{},{}]") {
                Meaning::Page(page) => page.rest_ms,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((bucket("119"), bucket("61"), bucket("60"), bucket("0")), (250, 250, 60_000, 60_000));
    }

    #[test]
    fn history_is_a_bounded_request_whose_last_page_names_no_next_one() {
        let (since, until) = (Timestamp(NOW.0 - 7_200_000), Timestamp(NOW.0 - 3_600_000));
        let history = feed().history(Stretch { since, until, share_percent: 25 });
        let bounded = "https://acme.okta.com/api/v1/logs?since=1994-11-06T06:49:37.000Z&until=1994-11-06T07:49:37.000Z\
                       &sortOrder=ASCENDING&limit=2";
        assert_eq!(history.ask(&place("")).url, bounded);
        // Read again after a cursor was forgotten: an overlap, and never more than was asked for.
        let half_way = Place { complete_to: since.plus_ms(1_800_000), ..Place::default() };
        assert_eq!(history.ask(&half_way).url, bounded);
        let page = |headers: &[(&str, &str)], position: &str, body: &str| match history.understand(
            &place(position),
            &answer(200, headers, body),
            NOW,
        ) {
            Meaning::Page(page) => (page.next.complete_to, page.next.position.is_empty(), page.rest_ms),
            other => panic!("{other:?}"),
        };
        let body = r#"[{"published":"x"},{"published":"1994-11-06T07:00:00.000Z"}]"#;
        assert_eq!(page(&[NEXT], "", body), (Timestamp::parse("1994-11-06T07:00:00.000Z").unwrap(), false, 1_000));
        // What is no time, or lies outside, moves nothing beyond what is known.
        for odd in [r#"[{"published":7}]"#, "[{}]", "[]", r#"[{"published":"1993-11-06T07:00:00.000Z"}]"#] {
            assert_eq!(page(&[NEXT], "", odd), (since, false, 1_000), "{odd}");
        }
        let beyond = r#"[{"published":"1995-11-06T07:00:00.000Z"}]"#;
        assert_eq!(page(&[NEXT], "", beyond), (until.plus_ms(-1), false, 1_000));
        assert_eq!(page(&[], "x", body), (until, true, 0));
        assert_eq!(
            page(&[NEXT], "https://acme.okta.com/api/v1/logs?after=2_1", "[]"),
            (until, true, 0),
            "it names itself"
        );
        // An eighth of the bucket is its share.
        let bucket = |remaining: &'static str| {
            let told = [("x-rate-limit-limit", "120"), ("x-rate-limit-remaining", remaining)];
            page(&[&[NEXT, ("x-rate-limit-reset", "784111837")][..], &told].concat(), "", "[{},{}]").2
        };
        assert_eq!((bucket("106"), bucket("105")), (1_000, 60_000));
    }

    #[test]
    fn what_is_no_page_is_told_from_what_is_an_unknown_cursor_and_from_a_missing_permission() {
        for body in ["<html>", "{\"errorCode\":\"E0000047\"}", "[{}", "null", ""] {
            assert!(matches!(page(&[NEXT], body), Meaning::Broken { .. }), "{body}");
        }
        let meaning = |status| feed().understand(&place("x"), &answer(status, &[], "{}"), NOW);
        assert_eq!((meaning(400), meaning(410)), (Meaning::CursorUnknown, Meaning::CursorUnknown));
        assert!(matches!(meaning(403), Meaning::PermissionMissing { name } if name.starts_with("okta.logs.read")));
        assert!(matches!(meaning(418), Meaning::Broken { .. }));
    }
}
