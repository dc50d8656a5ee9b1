//! The same events as Okta delivers them: entries of the System Log of about 1.6 KB, as one page a request. One in a hundred is damaged.

use std::{fmt::Write as _, ops::Range};

use event::{Event, Outcome, UserKey};
use stages::{
    random::mixed,
    workload::{Texts, Workload},
};

/// One of so many elements is cut short.
const DAMAGED_EVERY: u64 = 100;

/// Pages, and what they come to.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Elements, damaged ones included.
    pub(crate) elements: u64,
    pub(crate) damaged: u64,
    pub(crate) bytes: u64,
}

/// Events of one tenant in pages of so many. No second copies: `ingest` would drop them, and the count would be theirs to know.
pub(crate) fn pages(workload: &Workload, numbers: Range<u64>, of_page: u64) -> Pages {
    let (mut pages, mut texts) = (Pages::default(), Texts::default());
    for first in numbers.clone().step_by(of_page as usize) {
        let mut page = String::from("[");
        for number in first..(first + of_page).min(numbers.end) {
            page.push_str(if number > first { "," } else { "" });
            let is_damaged = is_damaged(number);
            workload.with_distinct_event(number, &mut texts, |event| put_entry(event, number, is_damaged, &mut page));
            pages.damaged += u64::from(is_damaged);
            pages.elements += 1;
        }
        page.push(']');
        pages.bytes += page.len() as u64;
        pages.bodies.push(page.into_bytes());
    }
    pages
}

/// The address of a person, which decides the pseudonym.
pub(crate) fn email(person: UserKey) -> String {
    format!("person.{person}@company.example")
}

/// Is the element of a number damaged?
pub(crate) fn is_damaged(number: u64) -> bool {
    mixed(number ^ 0xdead).is_multiple_of(DAMAGED_EVERY)
}

/// What a damaged entry has for its time: a day that does not exist. A number would be one: seconds since 1970.
const NO_DAY: &str = "2026-02-30T08:00:00.000Z";

/// One entry. A damaged one happened on a day that does not exist: it is JSON still, and no event.
fn put_entry(event: &Event<'_>, number: u64, is_damaged: bool, out: &mut String) {
    let (person, published) = (event.user_key, event.occurred_at);
    let (result, reason) = match event.outcome {
        Outcome::Failure => ("FAILURE", "\"INVALID_CREDENTIALS\""),
        _ => ("SUCCESS", "null"),
    };
    let published = if is_damaged { NO_DAY.to_owned() } else { published.to_string() };
    let place = format!(
        "{{\"city\":\"{}\",\"country\":\"Germany\",\"postalCode\":\"10115\",\"geolocation\":{{\"lat\":52.53,\"lon\":13.38}}}}",
        event.city
    );
    // Writing into a String cannot fail.
    write!(
        out,
        "{{\"actor\":{{\"id\":\"00u{person}7\",\"type\":\"User\",\"alternateId\":\"{email}\",\"displayName\":\"Person {person}\",\"detailEntry\":null}},\
         \"client\":{{\"userAgent\":{{\"rawUserAgent\":\"{agent}\",\"os\":\"{os}\",\"browser\":\"{browser}\"}},\"zone\":\"null\",\"device\":\"Computer\",\"id\":null,\"ipAddress\":\"{ip}\",\"geographicalContext\":{place}}},\
         \"authenticationContext\":{{\"authenticationStep\":0,\"rootSessionId\":\"{session}\",\"externalSessionId\":\"{session}\"}},\
         \"eventType\":\"user.authentication.sso\",\"outcome\":{{\"result\":\"{result}\",\"reason\":{reason}}},\"published\":\"{published}\",\
         \"securityContext\":{{\"asNumber\":{asn},\"asOrg\":\"{org}\",\"isp\":\"{org}\",\"domain\":\"example.net\",\"isProxy\":false}},\"severity\":\"INFO\",\
         \"debugContext\":{{\"debugData\":{{\"requestId\":\"req-{number:012}\",\"url\":\"/sso/saml?\",\"threatSuspected\":\"false\"}}}},\
         \"legacyEventType\":\"app.auth.sso\",\"transaction\":{{\"type\":\"WEB\",\"id\":\"{transaction}\",\"detail\":{{}}}},\"uuid\":\"{uuid}\",\"version\":\"0\",\
         \"request\":{{\"ipChain\":[{{\"ip\":\"{ip}\",\"geographicalContext\":{place},\"version\":\"V4\",\"source\":null}}]}},\
         \"target\":[{{\"id\":\"{app}\",\"type\":\"AppInstance\",\"alternateId\":\"{name}\",\"displayName\":\"{name}\",\"detailEntry\":{{\"signOnModeType\":\"SAML_2_0\"}}}},\
         {{\"id\":\"0ua{person}7\",\"type\":\"AppUser\",\"alternateId\":\"{email}\",\"displayName\":\"Person {person}\",\"detailEntry\":null}}]}}",
        email = email(person),
        agent = event.user_agent,
        os = event.ua_os,
        browser = event.ua_browser,
        ip = event.ip,
        session = event.session_id,
        asn = event.asn,
        org = event.as_org,
        app = event.app.id,
        name = event.app_name,
        transaction = event.transaction_id,
        uuid = event.native_id,
    )
    .ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use stages::workload::Shape;

    #[test]
    fn a_page_is_json_of_about_1600_bytes_an_event() {
        let pages = pages(&Workload::new(Shape { tenants: 1, ..Shape::of_apps(800) }, 1), 0..1_000, 100);
        assert_eq!((pages.bodies.len(), pages.elements), (10, 1_000));
        assert!((3..30).contains(&pages.damaged), "{}", pages.damaged);
        let page: serde_json::Value = serde_json::from_slice(&pages.bodies[3]).unwrap();
        assert_eq!(page.as_array().unwrap().len(), 100);
        let of_event = pages.bytes / 1_000;
        assert!((1_450..1_850).contains(&of_event), "{of_event}");
    }
}
