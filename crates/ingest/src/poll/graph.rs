//! Microsoft Graph: sign-ins and directory audits (formats.md, section 3; <https://learn.microsoft.com/graph/api/resources/azure-ad-auditlog-overview>).
//!
//! There is no cursor over time: a feed is a list `since …`, newest first, in pages that `@odata.nextLink` joins. So each look reads the last
//! stretch again (the overlap, because events come late), to its last page; only then is everything complete up to the time at which the
//! first page was served. What comes again has the same `event_id`.
//!
//! A back-fill lists window after window, each bounded on both sides.
//!
//! `signIns` of version 1.0 are the interactive ones; the others come by an event hub.

use event::{Fact, Timestamp};
use reqwest::Url;
use serde::{Deserialize, de::IgnoredAny};

use super::{Ask, Feed, Meaning, Page, Place, PollConfig, Stretch, answer::Answer, login::Credential, microsoft, url};

/// How long events are kept: 30 days, with a licence of P1 or P2, without which there is nothing to poll. Milliseconds.
const KEPT_MS: i64 = 30 * 86_400_000;
/// The largest page that Graph gives.
const PAGE_EVENTS_MAX: u32 = 999;
/// A look a minute.
const INTERVAL_MS: u64 = 60_000;
/// What is read again with each look. Sign-ins come within minutes, some after half an hour.
const OVERLAP_MS: u64 = 3_600_000;
/// Two feeds at this pace make four requests in ten seconds; Graph throttles reports at about five.
const PAGE_REST_MS: u64 = 5_000;
/// The application permission that both feeds need.
const PERMISSION: &str = "AuditLog.Read.All";
/// What sign-ins tell.
const SIGN_INS_TELL: &[Fact] = &[Fact::SignIn, Fact::SignOn, Fact::MakersName, Fact::ListedId];
/// What directory audits tell.
const AUDITS_TELL: &[Fact] = &[Fact::Grant, Fact::Scopes, Fact::TenantWideConsent, Fact::MakersName, Fact::ListedId];
/// What Graph answers for a directory whose licence does not include its logs.
const NO_LICENCE: &str = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
/// Graph itself, where no other is configured.
pub(crate) const URL: &str = "https://graph.microsoft.com";

/// One list.
#[derive(Clone)]
struct List {
    name: &'static str,
    path: &'static str,
    time_field: &'static str,
    tells: &'static [Fact],
    leaves_out: &'static str,
    base: Url,
    interval_ms: u64,
    overlap_ms: i64,
    page_events_max: u32,
    page_rest_ms: u64,
    /// Bounded to this, for a back-fill.
    stretch: Option<Stretch>,
}

/// The feeds and the login of a connection.
pub(crate) fn open(
    config: &PollConfig,
    base: &Url,
    directory: &str,
) -> Result<(Credential, Vec<Box<dyn Feed>>), String> {
    let list = |name, path, time_field, tells, leaves_out| -> Box<dyn Feed> {
        Box::new(List {
            name,
            path,
            time_field,
            tells,
            leaves_out,
            base: base.clone(),
            interval_ms: config.interval_ms.unwrap_or(INTERVAL_MS),
            overlap_ms: i64::try_from(config.overlap_ms.unwrap_or(OVERLAP_MS)).unwrap_or(i64::MAX),
            page_events_max: config.page_events_max.unwrap_or(PAGE_EVENTS_MAX).clamp(1, PAGE_EVENTS_MAX),
            page_rest_ms: config.page_rest_ms.unwrap_or(PAGE_REST_MS),
            stretch: None,
        })
    };
    let feeds = vec![
        list("sign_ins", "/v1.0/auditLogs/signIns", "createdDateTime", SIGN_INS_TELL, "interactive sign-ins only"),
        list("directory_audits", "/v1.0/auditLogs/directoryAudits", "activityDateTime", AUDITS_TELL, ""),
    ];
    Ok((microsoft::login(config, base, directory)?, feeds))
}

/// A page, as far as the list is concerned.
#[derive(Deserialize)]
struct Body {
    value: Vec<IgnoredAny>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
}

/// Within a look: when its first page was served, and the link to the next one. In text: `1772356200000 https://…`.
struct Within<'a> {
    began_at: Timestamp,
    link: &'a str,
}

impl<'a> Within<'a> {
    fn parse(position: &'a str) -> Option<Within<'a>> {
        let (began_ms, link) = position.split_once(' ')?;
        Some(Within { began_at: Timestamp(began_ms.parse().ok()?), link })
    }
}

impl Feed for List {
    fn name(&self) -> &'static str {
        self.name
    }

    fn tells(&self) -> &'static [Fact] {
        self.tells
    }

    fn leaves_out(&self) -> &'static str {
        self.leaves_out
    }

    fn history(&self, stretch: Stretch) -> Box<dyn Feed> {
        let page_rest_ms = stretch.rest_ms(self.page_rest_ms);
        Box::new(List { page_rest_ms, stretch: Some(stretch), ..self.clone() })
    }

    fn kept_ms(&self) -> Option<i64> {
        Some(KEPT_MS)
    }

    fn ask(&self, place: &Place) -> Ask {
        if let Some(within) = Within::parse(&place.position) {
            return Ask::get(within.link.to_owned());
        }
        let (base, path, field, top) = (url::text_of(&self.base), self.path, self.time_field, self.page_events_max);
        let filter = match &self.stretch {
            None => format!("{field}%20ge%20{}", place.complete_to.plus_ms(-self.overlap_ms)),
            Some(stretch) => {
                let (since, until) = stretch.window(place);
                format!("{field}%20ge%20{since}%20and%20{field}%20lt%20{until}")
            }
        };
        Ask::get(format!("{base}{path}?$filter={filter}&$top={top}"))
    }

    fn understand(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning {
        match answer.status {
            200 => self.page(place, answer, now),
            // A link lives for a while only.
            400 | 404 | 410 => Meaning::CursorUnknown,
            403 if answer.body.windows(NO_LICENCE.len()).any(|window| window == NO_LICENCE.as_bytes()) => {
                Meaning::PermissionMissing {
                    name: "a licence of Entra ID P1 or P2, without which Graph shows no logs".to_owned(),
                }
            }
            403 => Meaning::PermissionMissing { name: PERMISSION.to_owned() },
            _ => answer.unexplained(),
        }
    }
}

impl List {
    fn page(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning {
        let Ok(body) = serde_json::from_slice::<Body>(&answer.body) else {
            return answer.unreadable("page of Graph");
        };
        let began_at = Within::parse(&place.position).map_or(now, |within| within.began_at);
        let (next, rest_ms) = match (body.next_link, &self.stretch) {
            (Some(link), _) if !url::is_of(&self.base, &link) => {
                return Meaning::Broken { why: "the next page would be on another host; correct the url".to_owned() };
            }
            (Some(link), _) => {
                let position = format!("{} {link}", began_at.0);
                (Place { position, complete_to: place.complete_to }, self.page_rest_ms)
            }
            (None, None) => (Place { position: String::new(), complete_to: began_at }, self.interval_ms),
            (None, Some(stretch)) => {
                (Place { position: String::new(), complete_to: stretch.window(place).1 }, self.page_rest_ms)
            }
        };
        Meaning::Page(Page { has_events: !body.value.is_empty(), next, rest_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::answer::tests::answer, *};

    const NOW: Timestamp = Timestamp(784_111_777_000);
    const LINK: &str = "https://graph.microsoft.com/v1.0/auditLogs/signIns?$skiptoken=a%20b";

    fn feed() -> List {
        List {
            name: "sign_ins",
            path: "/v1.0/auditLogs/signIns",
            time_field: "createdDateTime",
            tells: SIGN_INS_TELL,
            leaves_out: "",
            base: url::read_base(URL).unwrap(),
            interval_ms: 60_000,
            overlap_ms: 3_600_000,
            page_events_max: 999,
            page_rest_ms: 5_000,
            stretch: None,
        }
    }

    fn place(position: &str) -> Place {
        Place { position: position.to_owned(), complete_to: Timestamp(NOW.0 - 600_000) }
    }

    fn body(next: Option<&str>) -> String {
        let link = next.map(|link| format!(",\"@odata.nextLink\":\"{link}\"")).unwrap_or_default();
        format!("{{\"@odata.context\":\"x\",\"value\":[{{}}]{link}}}")
    }

    #[test]
    fn each_look_begins_an_overlap_before_what_is_complete() {
        assert_eq!(
            feed().ask(&place("")).url,
            "https://graph.microsoft.com/v1.0/auditLogs/signIns?$filter=createdDateTime%20ge%201994-11-06T07:39:37.000Z&$top=999"
        );
    }

    #[test]
    fn a_look_is_complete_only_at_its_last_page_and_then_up_to_where_it_began() {
        let first = feed().understand(&place(""), &answer(200, &[], &body(Some(LINK))), NOW);
        let Meaning::Page(first) = first else { panic!("{first:?}") };
        assert_eq!((first.next.complete_to, first.rest_ms), (place("").complete_to, 5_000));
        assert_eq!(feed().ask(&first.next).url, LINK);
        let later = NOW.plus_ms(90_000);
        let last = feed().understand(&first.next, &answer(200, &[], &body(None)), later);
        let next = Place { position: String::new(), complete_to: NOW };
        assert_eq!(last, Meaning::Page(Page { has_events: true, next, rest_ms: 60_000 }));
    }

    #[test]
    fn history_is_listed_window_after_window_each_bounded_on_both_sides() {
        let since = Timestamp(NOW.0 - 10 * 86_400_000);
        let until = since.plus_ms(86_400_000 + 1_000);
        let history = feed().history(Stretch { since, until, share_percent: 50 });
        let place = |position: &str, complete_to| Place { position: position.to_owned(), complete_to };
        let asked = |complete_to| history.ask(&place("", complete_to)).url;
        assert_eq!(
            asked(since),
            "https://graph.microsoft.com/v1.0/auditLogs/signIns?$filter=createdDateTime%20ge%201994-10-27T08:49:37.000Z\
             %20and%20createdDateTime%20lt%201994-10-28T08:49:37.000Z&$top=999"
        );
        assert!(asked(since.plus_ms(86_400_000)).contains("lt%201994-10-28T08:49:38.000Z"), "{}", asked(until));
        let page =
            |complete_to, body: &str| match history.understand(&place("", complete_to), &answer(200, &[], body), NOW) {
                Meaning::Page(page) => (page.next.complete_to, page.next.position.is_empty(), page.rest_ms),
                other => panic!("{other:?}"),
            };
        assert_eq!(page(since, &body(Some(LINK))), (since, false, 10_000));
        assert_eq!(page(since, &body(None)), (since.plus_ms(86_400_000), true, 10_000));
        assert_eq!(page(since.plus_ms(86_400_000), &body(None)), (until, true, 10_000));
    }

    #[test]
    fn odd_answers_are_told_apart() {
        let meaning = |status, body: &str| feed().understand(&place("1 x"), &answer(status, &[], body), NOW);
        let evil = body(Some("https://evil.example/v1.0/auditLogs/signIns"));
        assert!(matches!(meaning(200, &evil), Meaning::Broken { why } if why.contains("another host")));
        for broken in ["<html>", "[]", "{}", "{\"value\":{}}", "{\"value\":[{}"] {
            assert!(matches!(meaning(200, broken), Meaning::Broken { .. }), "{broken}");
        }
        assert_eq!(meaning(410, "{}"), Meaning::CursorUnknown);
        assert_eq!(meaning(403, "{}"), Meaning::PermissionMissing { name: "AuditLog.Read.All".into() });
        let licence = format!("{{\"error\":{{\"code\":\"{NO_LICENCE}\"}}}}");
        assert!(matches!(meaning(403, &licence), Meaning::PermissionMissing { name } if name.contains("P1")));
    }
}
