//! Google Workspace's Reports API (formats.md, section 2; <https://developers.google.com/workspace/admin/reports/reference/rest/v1/activities/list>).
//!
//! Each application's log is a feed, in pages newest first. There is no cursor over time, and an event may be listed hours after it happened
//! (of the token log: up to a few hours; <https://support.google.com/a/answer/7061566>). So there is no mark that moves to *now*: each look
//! reads the last hours again (the overlap), to its last page. What comes again has the same `event_id`.
//!
//! A back-fill lists window after window, each bounded on both sides.
//!
//! Requests for everybody (`users/all`) without filters; at one a second for each of four feeds they keep under the 250 a minute that Google
//! names for filtered ones.

use event::{Fact, Timestamp};
use reqwest::Url;
use serde::{Deserialize, de::IgnoredAny};

use super::{Ask, Feed, Meaning, Page, Place, PollConfig, Stretch, answer::Answer, login::Credential, url};

/// The Reports API, where no other place is configured.
pub(crate) const URL: &str = "https://admin.googleapis.com";
/// What a token is asked for, and what must be delegated to the service account.
const SCOPE: &str = "https://www.googleapis.com/auth/admin.reports.audit.readonly";
/// The logs that tell of apps and sign-ins. A name is part of a cursor's key and never changes.
const APPLICATIONS: [&str; 4] = ["login", "token", "saml", "admin"];
/// How long events are kept: 180 days. Milliseconds.
const KEPT_MS: i64 = 180 * 86_400_000;
/// The largest page that Google gives.
const PAGE_EVENTS_MAX: u32 = 1_000;
/// A look a minute.
const INTERVAL_MS: u64 = 60_000;
/// What is read again with each look.
const OVERLAP_MS: u64 = 6 * 3_600_000;
/// With less, token events would be missed that come as late as Google says they may.
const OVERLAP_MS_MIN: u64 = 4 * 3_600_000;
/// Between two pages.
const PAGE_REST_MS: u64 = 1_000;
/// What the answer for a list calls itself; older ones said `reports#activities`.
const KIND: &str = "reports#activities";

/// The log of one application.
#[derive(Clone)]
struct Activities {
    application: &'static str,
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
    let key = config.service_account.clone().ok_or(
        "an api of google_reports needs `service_account`, the key file of a service account with domain-wide delegation",
    )?;
    let acts_as = config.delegated_admin.clone().ok_or(
        "an api of google_reports needs `delegated_admin`, the address of an administrator who may view reports",
    )?;
    let overlap_ms = config.overlap_ms.unwrap_or(OVERLAP_MS);
    if overlap_ms < OVERLAP_MS_MIN {
        return Err(format!(
            "overlap_ms of google_reports must be at least {OVERLAP_MS_MIN}: token events come hours late, and would be missed"
        ));
    }
    let feed = |application| -> Box<dyn Feed> {
        Box::new(Activities {
            application,
            base: base.clone(),
            interval_ms: config.interval_ms.unwrap_or(INTERVAL_MS),
            overlap_ms: i64::try_from(overlap_ms).unwrap_or(i64::MAX),
            page_events_max: config.page_events_max.unwrap_or(PAGE_EVENTS_MAX).clamp(1, PAGE_EVENTS_MAX),
            page_rest_ms: config.page_rest_ms.unwrap_or(PAGE_REST_MS),
            stretch: None,
        })
    };
    Ok((Credential::ServiceAccount { key, acts_as, scope: SCOPE }, APPLICATIONS.map(feed).into()))
}

/// A page, as far as the list is concerned. One without activities has no `items`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    kind: String,
    items: Option<Vec<IgnoredAny>>,
    next_page_token: Option<String>,
}

/// A refusal (<https://developers.google.com/workspace/admin/reports/v1/limits>, and the error model of Google's APIs).
#[derive(Deserialize)]
struct Failure {
    error: FailureOf,
}

#[derive(Deserialize)]
struct FailureOf {
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    details: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

/// Within a look: when its first page was served, and the token of the next one. In text: `1772356200000 A:1772…`.
struct Within<'a> {
    began_at: Timestamp,
    token: &'a str,
}

impl<'a> Within<'a> {
    fn parse(position: &'a str) -> Option<Within<'a>> {
        let (began_ms, token) = position.split_once(' ')?;
        Some(Within { began_at: Timestamp(began_ms.parse().ok()?), token })
    }
}

impl Feed for Activities {
    fn name(&self) -> &'static str {
        self.application
    }

    fn tells(&self) -> &'static [Fact] {
        match self.application {
            "login" => &[Fact::SignIn],
            "token" => &[Fact::TokenUse, Fact::Grant, Fact::Scopes, Fact::MakersName],
            "saml" => &[Fact::SignOn],
            "admin" => &[Fact::Grant, Fact::Scopes, Fact::TenantWideConsent],
            _ => &[],
        }
    }

    fn leaves_out(&self) -> &'static str {
        match self.application {
            "token" => "how a grant is used is told in some editions of Workspace only",
            _ => "",
        }
    }

    fn history(&self, stretch: Stretch) -> Box<dyn Feed> {
        let page_rest_ms = stretch.rest_ms(self.page_rest_ms);
        Box::new(Activities { page_rest_ms, stretch: Some(stretch), ..self.clone() })
    }

    fn kept_ms(&self) -> Option<i64> {
        Some(KEPT_MS)
    }

    fn ask(&self, place: &Place) -> Ask {
        // The same for all pages of a look, because `complete_to` moves at its end: a token belongs to the request that gave it.
        let window = self.stretch.map(|stretch| stretch.window(place));
        let since = window.map_or(place.complete_to.plus_ms(-self.overlap_ms), |window| window.0).to_string();
        let until = window.map(|window| window.1.to_string());
        let events_max = self.page_events_max.to_string();
        let mut pairs = vec![("startTime", since.as_str()), ("maxResults", &events_max)];
        pairs.extend(until.as_deref().map(|until| ("endTime", until)));
        let within = Within::parse(&place.position);
        pairs.extend(within.map(|within| ("pageToken", within.token)));
        let (base, application, query) = (url::text_of(&self.base), self.application, url::query(&pairs));
        Ask::get(format!("{base}/admin/reports/v1/activity/users/all/applications/{application}?{query}"))
    }

    fn understand(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning {
        match answer.status {
            200 => self.page(place, answer, now),
            // A token lives for a while only.
            400 | 404 | 410 => Meaning::CursorUnknown,
            403 => refused(answer, now),
            _ => answer.unexplained(),
        }
    }
}

impl Activities {
    fn page(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning {
        let body = serde_json::from_slice::<Body>(&answer.body).ok();
        let Some(body) = body.filter(|body| body.kind.ends_with(KIND)) else {
            return answer.unreadable("page of the Reports API");
        };
        let within = Within::parse(&place.position);
        let began_at = within.as_ref().map_or(now, |within| within.began_at);
        let has_events = body.items.is_some_and(|items| !items.is_empty());
        let asked = within.map_or("", |within| within.token);
        let (next, rest_ms) = match body.next_page_token.filter(|token| !token.is_empty()) {
            // Seen in the field: the last page names itself as the next, for ever, and is empty.
            Some(token) if token == asked && has_events => {
                return Meaning::Broken { why: "a page names itself as the next one".to_owned() };
            }
            Some(token) if token != asked => {
                let position = format!("{} {token}", began_at.0);
                (Place { position, complete_to: place.complete_to }, self.page_rest_ms)
            }
            _ => match &self.stretch {
                None => (Place { position: String::new(), complete_to: began_at }, self.interval_ms),
                Some(stretch) => {
                    (Place { position: String::new(), complete_to: stretch.window(place).1 }, self.page_rest_ms)
                }
            },
        };
        Meaning::Page(Page { has_events, next, rest_ms })
    }
}

/// 403 is a limit, an API that is switched off, a scope that is missing, or a right that the administrator has not.
fn refused(answer: &Answer, now: Timestamp) -> Meaning {
    let Ok(Failure { error }) = serde_json::from_slice(&answer.body) else {
        return answer.unreadable("refusal of Google");
    };
    let reasons: Vec<String> = error.errors.into_iter().chain(error.details).map(|of| of.reason).collect();
    let is = |names: &[&str]| reasons.iter().any(|reason| names.contains(&reason.as_str()));
    if is(&["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded", "RATE_LIMIT_EXCEEDED"])
    {
        return Meaning::Wait { told_ms: answer.told_wait_ms(now) };
    }
    let name = if is(&["accessNotConfigured", "SERVICE_DISABLED"]) {
        "the Admin SDK API, switched on in the Cloud project of the service account".to_owned()
    } else if is(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
        format!("{SCOPE}, by domain-wide delegation to the client id of the service account")
    } else {
        "the administrator privilege Reports, for delegated_admin".to_owned()
    };
    Meaning::PermissionMissing { name }
}

#[cfg(test)]
mod tests {
    use super::{super::answer::tests::answer, *};

    const NOW: Timestamp = Timestamp(784_111_777_000);

    fn feed() -> Activities {
        Activities {
            application: "token",
            base: url::read_base(URL).unwrap(),
            interval_ms: 60_000,
            overlap_ms: 6 * 3_600_000,
            page_events_max: 1_000,
            page_rest_ms: 1_000,
            stretch: None,
        }
    }

    fn place(position: &str) -> Place {
        Place { position: position.to_owned(), complete_to: Timestamp(NOW.0 - 600_000) }
    }

    fn body(items: &str, next: &str) -> String {
        format!(r#"{{"kind":"admin#reports#activities","etag":"x"{items}{next}}}"#)
    }

    fn page(position: &str, body: &str, now: Timestamp) -> Meaning {
        feed().understand(&place(position), &answer(200, &[], body), now)
    }

    #[test]
    fn each_look_begins_hours_before_what_is_complete_and_its_pages_differ_by_their_token_alone() {
        let first = "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/token\
                     ?startTime=1994-11-06T02%3A39%3A37.000Z&maxResults=1000";
        assert_eq!(feed().ask(&place("")).url, first);
        assert_eq!(feed().ask(&place("784111777000 A:1 =&b")).url, format!("{first}&pageToken=A%3A1+%3D%26b"));
    }

    #[test]
    fn history_is_listed_window_after_window_and_its_pages_differ_by_their_token_alone() {
        let since = Timestamp(NOW.0 - 10 * 86_400_000);
        let until = since.plus_ms(86_400_000 + 1_000);
        let history = feed().history(Stretch { since, until, share_percent: 25 });
        let place = |position: &str, complete_to| Place { position: position.to_owned(), complete_to };
        let first = "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/token\
                     ?startTime=1994-10-27T08%3A49%3A37.000Z&maxResults=1000&endTime=1994-10-28T08%3A49%3A37.000Z";
        assert_eq!(history.ask(&place("", since)).url, first);
        assert_eq!(history.ask(&place("1 A", since)).url, format!("{first}&pageToken=A"));
        let page = |position: &str, complete_to, body: &str| match history.understand(
            &place(position, complete_to),
            &answer(200, &[], body),
            NOW,
        ) {
            Meaning::Page(page) => (page.next.complete_to, page.next.position.is_empty(), page.rest_ms),
            other => panic!("{other:?}"),
        };
        let middle = body(r#","items":[{}]"#, r#","nextPageToken":"A""#);
        assert_eq!(page("", since, &middle), (since, false, 4_000));
        assert_eq!(page("1 A", since, &body("", "")), (since.plus_ms(86_400_000), true, 4_000));
        assert_eq!(page("", since.plus_ms(86_400_000), &body("", "")), (until, true, 4_000));
    }

    #[test]
    fn a_look_is_complete_only_at_its_last_page_and_then_up_to_where_it_began() {
        let Meaning::Page(first) = page("", &body(r#","items":[{}]"#, r#","nextPageToken":"A 1""#), NOW) else {
            panic!()
        };
        let next = Place { position: format!("{} A 1", NOW.0), complete_to: place("").complete_to };
        assert_eq!(first, Page { has_events: true, next, rest_ms: 1_000 });
        let last = page(&first.next.position, &body(r#","items":[{},{}]"#, ""), NOW.plus_ms(90_000));
        let next = Place { position: String::new(), complete_to: NOW };
        assert_eq!(last, Meaning::Page(Page { has_events: true, next, rest_ms: 60_000 }));
    }

    #[test]
    fn a_log_without_activities_is_an_empty_page_and_one_that_names_itself_is_no_loop() {
        let end = |has_events| {
            let next = Place { position: String::new(), complete_to: NOW };
            Meaning::Page(Page { has_events, next, rest_ms: 60_000 })
        };
        for items in ["", r#","items":[]"#, r#","items":null"#] {
            assert_eq!(page("", &body(items, ""), NOW), end(false), "{items}");
        }
        let position = format!("{} A", NOW.0);
        assert_eq!(page(&position, &body("", r#","nextPageToken":"A""#), NOW.plus_ms(5)), end(false));
        let looped = page(&position, &body(r#","items":[{}]"#, r#","nextPageToken":"A""#), NOW);
        assert!(matches!(looped, Meaning::Broken { why } if why.contains("itself")));
        // An empty page in the middle is none at the end.
        let middle = page(&position, &body("", r#","nextPageToken":"B""#), NOW);
        assert!(matches!(middle, Meaning::Page(Page { has_events: false, next, .. }) if next.position.ends_with(" B")));
    }

    #[test]
    fn odd_answers_are_told_apart() {
        for broken in [
            "<html>",
            "[]",
            "{}",
            r#"{"kind":"admin#directory#users"}"#,
            r#"{"kind":"admin#reports#activities","items":{}}"#,
        ] {
            assert!(matches!(page("", broken, NOW), Meaning::Broken { .. }), "{broken}");
        }
        let meaning = |status, headers: &[(&str, &str)], body: &str| {
            feed().understand(&place("1 x"), &answer(status, headers, body), NOW)
        };
        assert_eq!(meaning(400, &[], "{}"), Meaning::CursorUnknown);
        assert!(matches!(meaning(403, &[], "<html>"), Meaning::Broken { .. }));
        let reasons = |list: &str, reason: &str| {
            format!(r#"{{"error":{{"code":403,"message":"x","{list}":[{{"reason":"{reason}"}}]}}}}"#)
        };
        for limit in ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"] {
            let wait = meaning(403, &[("retry-after", "9")], &reasons("errors", limit));
            assert_eq!(wait, Meaning::Wait { told_ms: Some(9_000) }, "{limit}");
        }
        for (list, reason, word) in [
            ("errors", "insufficientPermissions", SCOPE),
            ("details", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", SCOPE),
            ("details", "SERVICE_DISABLED", "Admin SDK API"),
            ("errors", "forbidden", "Reports"),
            ("errors", "authError", "Reports"),
        ] {
            let told = meaning(403, &[], &reasons(list, reason));
            assert!(matches!(&told, Meaning::PermissionMissing { name } if name.contains(word)), "{reason}: {told:?}");
        }
    }
}
