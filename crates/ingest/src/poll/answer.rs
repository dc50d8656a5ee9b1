//! An answer of a provider, and what its status means whichever provider it is.

use event::Timestamp;
use reqwest::header::HeaderMap;

use super::{Meaning, http_date};

/// The longest wait that is taken from a provider's word. Milliseconds. Beyond it we ask again: a header may be wrong.
pub(crate) const TOLD_WAIT_MS_MAX: u64 = 6 * 3_600_000;

/// An answer, whole and within the limits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// 200, 429, …
    pub(crate) status: u16,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's text; the first where it stands several times.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A header's number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    /// The provider's clock. What it says is complete is complete by this clock, not by ours.
    pub(crate) fn served_at(&self) -> Option<Timestamp> {
        self.header("date").and_then(http_date::read)
    }

    /// What the status means for every provider; `None` for 200 and for what only the provider itself can explain.
    pub(crate) fn refusal(&self, now: Timestamp) -> Option<Meaning> {
        match self.status {
            200 => None,
            401 => Some(Meaning::TokenEnded),
            429 => Some(Meaning::Wait { told_ms: self.told_wait_ms(now) }),
            300..=399 => {
                let why = format!("it answers {}, a redirect, which is not followed; correct the url", self.status);
                Some(Meaning::Broken { why })
            }
            500.. => {
                let why = format!("it answers {}", self.status);
                Some(Meaning::Unreachable { why, told_ms: self.told_wait_ms(now) })
            }
            _ => None,
        }
    }

    /// An answer that says nothing we know.
    pub(crate) fn unexplained(&self) -> Meaning {
        Meaning::Broken { why: format!("it answers {}, which we cannot explain", self.status) }
    }

    /// A body that is not what was asked for. Mostly it is a page of a proxy in between.
    pub(crate) fn unreadable(&self, expected: &str) -> Meaning {
        let kind = self.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or("nothing");
        let is_plain =
            kind.len() <= 40 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+.-".contains(&byte));
        let kind = if is_plain { kind } else { "an odd content type" };
        Meaning::Broken {
            why: format!("{} bytes of {kind} are no {expected}; is a proxy in between?", self.body.len()),
        }
    }

    /// How long to stay away: `Retry-After` as seconds or date, else Okta's `X-Rate-Limit-Reset`. By the provider's clock.
    pub(crate) fn told_wait_ms(&self, now: Timestamp) -> Option<u64> {
        let now = self.served_at().unwrap_or(now);
        let until = |at: Timestamp| u64::try_from(at.since_ms(now)).unwrap_or(0);
        let told = match self.header("retry-after").map(str::trim) {
            Some(text) => match text.parse::<u64>() {
                Ok(seconds) => Some(seconds.saturating_mul(1_000)),
                Err(_) => http_date::read(text).map(until),
            },
            None => None,
        };
        told.or_else(|| self.rate_reset_at().map(until)).map(|wait_ms| wait_ms.min(TOLD_WAIT_MS_MAX))
    }

    /// When the bucket is full again: seconds since 1970.
    pub(crate) fn rate_reset_at(&self) -> Option<Timestamp> {
        let seconds = self.number("x-rate-limit-reset")?;
        i64::try_from(seconds.saturating_mul(1_000)).ok().map(Timestamp)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// An answer of a test.
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        Answer { status, headers: map, body: body.as_bytes().to_vec() }
    }

    /// 1994-11-06T08:49:37Z.
    const NOW: Timestamp = Timestamp(784_111_777_000);

    #[test]
    fn a_wait_is_read_from_seconds_from_a_date_and_from_the_bucket_by_the_providers_clock() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for (headers, expected) in [
            (&[("retry-after", "7")][..], Some(7_000)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], Some(60_000)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:40:00 GMT")], Some(0)),
            (&[("x-rate-limit-reset", "784111787")], Some(10_000)),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "99999999999999999999")], None),
            (&[("retry-after", "999999999")], Some(TOLD_WAIT_MS_MAX)),
            (&[], None),
        ] {
            assert_eq!(answer(429, headers, "").told_wait_ms(NOW), expected, "{headers:?}");
            // A clock of ours that is an hour off changes nothing where the provider tells the time.
            let told: Vec<_> = headers.iter().copied().chain([date]).collect();
            assert_eq!(answer(429, &told, "").told_wait_ms(NOW.plus_ms(3_600_000)), expected, "{told:?}");
        }
    }

    #[test]
    fn each_status_means_the_same_for_every_provider_or_is_the_providers_to_explain() {
        let meaning = |status| answer(status, &[("retry-after", "3")], "").refusal(NOW);
        assert_eq!(meaning(200), None);
        assert_eq!(meaning(400), None);
        assert_eq!(meaning(403), None);
        assert_eq!(meaning(401), Some(Meaning::TokenEnded));
        assert_eq!(meaning(429), Some(Meaning::Wait { told_ms: Some(3_000) }));
        assert!(matches!(meaning(302), Some(Meaning::Broken { why }) if why.contains("redirect")));
        for status in [500, 502, 503, 504] {
            assert!(matches!(meaning(status), Some(Meaning::Unreachable { told_ms: Some(3_000), .. })), "{status}");
        }
    }

    #[test]
    fn a_page_that_is_none_is_told_without_its_content() {
        let html = answer(200, &[("content-type", "text/html; charset=x")], "<html>secret</html>");
        let Meaning::Broken { why } = html.unreadable("JSON") else { panic!() };
        assert!(why.contains("text/html") && why.contains("19 bytes") && !why.contains("secret"), "{why}");
    }
}
