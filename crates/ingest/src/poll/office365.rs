//! The Office 365 Management Activity API: the unified audit log of Microsoft 365, of which Entra's part is read (formats.md, section 3;
//! <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference>).
//!
//! Records come in blobs. A subscription makes them; they are listed by the time at which they became available, in windows of a day at most and
//! seven days back at most, and fetched one by one. A blob may be listed late and holds records of any age, so each look lists the last hours
//! again (the overlap). What was fetched in it is remembered by `contentId`, to spare requests: what is forgotten is fetched again and changes
//! nothing. A back-fill lists window after window without an overlap. How far a look is, is told in `walk.rs`; what its refusals mean, below.

use event::{Fact, Source, Timestamp};
use reqwest::Url;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{
    Ask, Feed, Meaning, Page, Place, PollConfig, Stretch, answer::Answer, login::Credential, microsoft, url, walk::Walk,
};
use crate::parse::told_by_provider;

/// The API, where no other place is configured. Government clouds have others.
pub(crate) const URL: &str = "https://manage.office.com";
/// Entra's part of the log.
const CONTENT_TYPE: &str = "Audit.AzureActiveDirectory";
/// The application permission that is needed.
const PERMISSION: &str = "ActivityFeed.Read";
/// A look a minute.
const INTERVAL_MS: u64 = 60_000;
/// What is listed again with each look.
const OVERLAP_MS: u64 = 4 * 3_600_000;
/// More would leave a window too little that is new.
const OVERLAP_MS_MAX: u64 = 12 * 3_600_000;
/// At most 600 requests a minute, of the 2,000 that a directory has.
const PAGE_REST_MS: u64 = 100;
/// What is listed at once. The documented limit is 24 hours, and exactly 24 were refused in the field.
const WINDOW_MS: i64 = 23 * 3_600_000;
/// How far back can be listed: seven days, less an hour for clocks.
const REACH_MS: i64 = (7 * 24 - 1) * 3_600_000;
/// A subscription is not asked for again sooner. Seen in the field: within 15 minutes it is refused.
const START_INTERVAL_MS: i64 = 15 * 60_000;
/// A subscription that was just made is looked for again after so long.
const STARTED_WAIT_MS: u64 = 60_000;
/// The header with the link to the next page of a list.
const NEXT_PAGE: &str = "nextpageuri";

/// One content type of one directory.
#[derive(Clone)]
struct Content {
    base: Url,
    directory: String,
    interval_ms: u64,
    overlap_ms: i64,
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
    let overlap_ms = config.overlap_ms.unwrap_or(OVERLAP_MS);
    if overlap_ms > OVERLAP_MS_MAX {
        return Err(format!(
            "overlap_ms of office365 must be at most {OVERLAP_MS_MAX}, half of what can be listed at once"
        ));
    }
    let feed = Content {
        base: base.clone(),
        directory: directory.to_owned(),
        interval_ms: config.interval_ms.unwrap_or(INTERVAL_MS),
        overlap_ms: i64::try_from(overlap_ms).unwrap_or(i64::MAX),
        page_rest_ms: config.page_rest_ms.unwrap_or(PAGE_REST_MS),
        stretch: None,
    };
    Ok((microsoft::login(config, base, directory)?, vec![Box::new(feed)]))
}

/// A blob, as it is listed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    content_id: String,
    content_uri: String,
}

/// A subscription.
#[derive(Deserialize)]
struct Subscription {
    status: String,
}

/// A refusal.
#[derive(Deserialize)]
struct Failure {
    error: FailureOf,
}

#[derive(Deserialize)]
struct FailureOf {
    code: String,
}

impl Feed for Content {
    fn name(&self) -> &'static str {
        "azure_active_directory"
    }

    fn tells(&self) -> &'static [Fact] {
        told_by_provider(Source::M365Ual)
    }

    fn history(&self, stretch: Stretch) -> Box<dyn Feed> {
        let page_rest_ms = stretch.rest_ms(self.page_rest_ms);
        Box::new(Content { overlap_ms: 0, page_rest_ms, stretch: Some(stretch), ..self.clone() })
    }

    fn kept_ms(&self) -> Option<i64> {
        None
    }

    fn ask(&self, place: &Place) -> Ask {
        let walk = Walk::parse(&place.position);
        let (root, publisher) = (self.root(), ("PublisherIdentifier", self.directory.as_str()));
        if walk.is_starting {
            let query = url::query(&[("contentType", CONTENT_TYPE), publisher]);
            return Ask { url: format!("{root}/subscriptions/start?{query}"), form: Some(String::new()) };
        }
        if let Some(blob) = walk.blobs.first() {
            return Ask::get(format!("{root}/audit/{blob}?{}", url::query(&[publisher])));
        }
        if let Some(link) = walk.next_link {
            return Ask::get(link);
        }
        let (since, until) = self.window(place);
        let (since, until) = (since.to_string(), until.to_string());
        let query = url::query(&[
            ("contentType", CONTENT_TYPE),
            publisher,
            ("startTime", seconds(&since)),
            ("endTime", seconds(&until)),
        ]);
        Ask::get(format!("{root}/subscriptions/content?{query}"))
    }

    fn refusal(&self, answer: &Answer, now: Timestamp) -> Option<Meaning> {
        // A token without the permission is told from one that has ended only by the code.
        match code(answer).as_deref() {
            Some("AF10001") => Some(Meaning::PermissionMissing { name: PERMISSION.to_owned() }),
            Some("AF429") => Some(Meaning::Wait { told_ms: answer.told_wait_ms(now) }),
            _ => answer.refusal(now),
        }
    }

    fn understand(&self, place: &Place, answer: &Answer, now: Timestamp) -> Meaning {
        let walk = Walk::parse(&place.position);
        match answer.status {
            200 if walk.is_starting => match read::<Subscription>(answer) {
                Some(subscription) if subscription.status == "enabled" => self.go_on(place, &walk.started(now)),
                Some(_) => Meaning::Broken { why: "the subscription was made and is not enabled".to_owned() },
                None => answer.unreadable("subscription"),
            },
            200 if !walk.blobs.is_empty() => match read::<Vec<IgnoredAny>>(answer) {
                Some(records) => self.behind_blob(place, walk, !records.is_empty(), now),
                None => answer.unreadable("content of the audit log"),
            },
            200 => self.list(place, walk, answer, now),
            _ => self.refused(place, walk, answer, now),
        }
    }
}

impl Content {
    fn root(&self) -> String {
        format!("{}/api/v1.0/{}/activity/feed", url::text_of(&self.base), self.directory)
    }

    /// What is listed at once. Its end may lie in the future.
    fn window(&self, place: &Place) -> (Timestamp, Timestamp) {
        let since = place.complete_to.plus_ms(-self.overlap_ms);
        let until = since.plus_ms(WINDOW_MS);
        (since, self.stretch.map_or(until, |stretch| until.min(stretch.until)))
    }

    fn list(&self, place: &Place, mut walk: Walk, answer: &Answer, now: Timestamp) -> Meaning {
        let Some(blobs) = read::<Vec<Listed>>(answer) else { return answer.unreadable("list of content") };
        let link = answer.header(NEXT_PAGE).map(str::to_owned);
        let prefix = format!("{}/audit/", self.root());
        walk.began_ms.get_or_insert(now.0);
        for blob in &blobs {
            // The host and the directory are ours, whatever a list says: that is where the token goes.
            let Some(path) = blob.content_uri.strip_prefix(&prefix) else {
                return Meaning::Broken {
                    why: "content would be at another place; correct url or provider_tenant".to_owned(),
                };
            };
            walk.take(&blob.content_id, path);
        }
        if link.as_ref().is_some_and(|link| !url::is_of(&self.base, link)) {
            return Meaning::Broken { why: "the next page would be on another host; correct the url".to_owned() };
        }
        if link.is_some() && link == walk.next_link {
            return Meaning::Broken { why: "a page names itself as the next one".to_owned() };
        }
        walk.next_link = link;
        if walk.is_at_end() { self.end(place, &walk, now, false) } else { self.go_on(place, &walk) }
    }

    /// A blob is done with.
    fn behind_blob(&self, place: &Place, mut walk: Walk, has_events: bool, now: Timestamp) -> Meaning {
        walk.blobs.remove(0);
        if walk.is_at_end() {
            return self.end(place, &walk, now, has_events);
        }
        let next = Place { position: walk.text(), complete_to: place.complete_to };
        Meaning::Page(Page { has_events, next, rest_ms: self.page_rest_ms })
    }

    /// The window is done with: the look ends with it, or goes on with the next one, where there is more to catch up with.
    fn end(&self, place: &Place, walk: &Walk, now: Timestamp, has_events: bool) -> Meaning {
        let (began_at, until) = (Timestamp(walk.began_ms.unwrap_or(now.0)), self.window(place).1);
        let is_caught_up = self.stretch.is_none() && until >= began_at;
        let complete_to = if is_caught_up { began_at } else { until };
        let rest_ms = if is_caught_up { self.interval_ms } else { self.page_rest_ms };
        let next = Place { position: walk.ended().text(), complete_to };
        Meaning::Page(Page { has_events, next, rest_ms })
    }

    /// Nothing for the log; on to the next request.
    fn go_on(&self, place: &Place, walk: &Walk) -> Meaning {
        let next = Place { position: walk.text(), complete_to: place.complete_to };
        Meaning::Page(Page { has_events: false, next, rest_ms: self.page_rest_ms })
    }

    /// The codes are those of the reference, section "Errors"; AF20024 and AF20055 stand in no documentation and are common.
    fn refused(&self, place: &Place, walk: Walk, answer: &Answer, now: Timestamp) -> Meaning {
        let Some(code) = code(answer) else { return answer.unreadable("refusal of the API") };
        match code.as_str() {
            "AF20024" if walk.is_starting => self.go_on(place, &walk.started(now)),
            "AF20022" | "AF20023" if !walk.is_starting => self.subscribe(place, walk, now),
            "AF20030" | "AF20055" if walk.blobs.is_empty() && self.window(place).0 < now.plus_ms(-REACH_MS) => {
                self.too_old(place, &walk, now)
            }
            // The link to the next page has ended; what was fetched is remembered, so that this comes to an end.
            "AF20031" if walk.next_link.is_some() => self.go_on(place, &walk.begun_anew()),
            "AF20050" | "AF20051" | "AF20052" if !walk.blobs.is_empty() => {
                let why = format!("content that was listed is not there any more ({code})");
                let (since, until) = self.window(place);
                let of = (since, until.min(now));
                match self.behind_blob(place, walk, false, now) {
                    Meaning::Page(page) => Meaning::Gone { page, why, of },
                    other => other,
                }
            }
            "AF20010" | "AF20011" | "AF20013" => {
                Meaning::LoginRefused { why: format!("provider_tenant is not the directory of the app ({code})") }
            }
            "AF20012" => Meaning::PermissionMissing {
                name: "the audit log, switched on for the directory (Microsoft Purview, Audit)".to_owned(),
            },
            _ if answer.status == 403 => Meaning::PermissionMissing { name: PERMISSION.to_owned() },
            _ => answer.unexplained(),
        }
    }

    /// Nothing is gathered for us (any more): a subscription is asked for, but not again and again.
    fn subscribe(&self, place: &Place, mut walk: Walk, now: Timestamp) -> Meaning {
        if walk.started_ms.is_some_and(|started_ms| now.0.saturating_sub(started_ms) < START_INTERVAL_MS) {
            return Meaning::Wait { told_ms: Some(STARTED_WAIT_MS) };
        }
        walk.is_starting = true;
        self.go_on(place, &walk)
    }

    /// We were away for longer than the API goes back. What it still has is read; the rest is a gap, and told.
    fn too_old(&self, place: &Place, walk: &Walk, now: Timestamp) -> Meaning {
        let reached = now.plus_ms(-REACH_MS);
        let why = format!(
            "between {} and {reached} nothing can be listed any more: the API goes back seven days",
            place.complete_to
        );
        let next = Place { position: walk.begun_anew().text(), complete_to: reached.plus_ms(self.overlap_ms) };
        let page = Page { has_events: false, next, rest_ms: self.page_rest_ms };
        Meaning::Gone { page, why, of: (place.complete_to, reached) }
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Option<T> {
    serde_json::from_slice(&answer.body).ok()
}

/// The code of a refusal, where it is one of this API's.
fn code(answer: &Answer) -> Option<String> {
    let code = if answer.status == 200 { None } else { read::<Failure>(answer) }?.error.code;
    let is_one = code.len() <= 10 && code.starts_with("AF") && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one.then_some(code)
}

/// A time as the API wants it: `2026-03-01T09:30:00`, in UTC.
fn seconds(text: &str) -> &str {
    text.get(..19).unwrap_or(text)
}

#[cfg(test)]
mod tests;
