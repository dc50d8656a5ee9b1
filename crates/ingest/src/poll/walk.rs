//! How far a look at the blobs of the Office 365 Management Activity API is: what a cursor's position holds of it, as JSON.

use event::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Blobs that are remembered as listed or fetched, the newest. Beyond it, the overlap costs requests. At most 20 bytes each in the cursor.
const FETCHED_MAX: usize = 2_000;

/// Within a look, or between two. What cannot be read is a look that begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Walk {
    /// The subscription is asked for next.
    pub(super) is_starting: bool,
    /// When it was asked for last, by the provider's clock.
    pub(super) started_ms: Option<i64>,
    /// When the first list of this look was served.
    pub(super) began_ms: Option<i64>,
    /// The next page of the list, when all blobs of this one are fetched.
    pub(super) next_link: Option<String>,
    /// What was listed and is to be fetched, in order: the end of each `contentUri`.
    pub(super) blobs: Vec<String>,
    /// What was fetched by the look before this one, by a hash of its `contentId`.
    fetched: Vec<u64>,
    /// What this look was listed, fetched or to be fetched.
    listed: Vec<u64>,
}

impl Walk {
    pub(super) fn parse(position: &str) -> Walk {
        serde_json::from_str(position).unwrap_or_default()
    }

    /// Empty where there is nothing to tell.
    pub(super) fn text(&self) -> String {
        if *self == Walk::default() { String::new() } else { serde_json::to_string(self).unwrap_or_default() }
    }

    /// Takes a blob of a list, unless it was fetched already.
    pub(super) fn take(&mut self, content_id: &str, path: &str) {
        let id = hash(content_id);
        if self.listed.contains(&id) {
            return;
        }
        if !self.fetched.contains(&id) {
            self.blobs.push(path.to_owned());
        }
        self.listed.push(id);
        keep_newest(&mut self.listed);
    }

    /// Is everything fetched that was listed, and nothing more to be listed?
    pub(super) fn is_at_end(&self) -> bool {
        self.blobs.is_empty() && self.next_link.is_none()
    }

    /// The subscription was asked for.
    pub(super) fn started(&self, now: Timestamp) -> Walk {
        Walk { is_starting: false, started_ms: Some(now.0), ..self.clone() }
    }

    /// Behind the last blob of the last page.
    pub(super) fn ended(&self) -> Walk {
        Walk { started_ms: self.started_ms, fetched: self.listed.clone(), ..Walk::default() }
    }

    /// The same look, from its first list. Only between two blobs: all that was listed is fetched.
    pub(super) fn begun_anew(&self) -> Walk {
        let mut all = self.clone();
        all.listed.splice(0..0, self.fetched.iter().copied().filter(|id| !self.listed.contains(id)));
        keep_newest(&mut all.listed);
        all.ended()
    }
}

fn keep_newest(ids: &mut Vec<u64>) {
    ids.drain(..ids.len().saturating_sub(FETCHED_MAX));
}

fn hash(content_id: &str) -> u64 {
    let digest = Sha256::digest(content_id.as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_what_was_written_and_nothing_else_is_one() {
        let mut walk = Walk { started_ms: Some(5), next_link: Some("https://x".into()), ..Walk::default() };
        walk.take("id", "path");
        assert_eq!(Walk::parse(&walk.text()), walk);
        assert_eq!(Walk::default().text(), "");
        for odd in ["", "{", "[]", "17 https://x", r#"{"blobs":7}"#] {
            assert_eq!(Walk::parse(odd), Walk::default(), "{odd}");
        }
    }

    #[test]
    fn a_blob_is_taken_once_a_look_and_not_again_by_the_next_one() {
        let mut walk = Walk::default();
        ["1", "2", "1"].into_iter().for_each(|id| walk.take(id, id));
        assert_eq!(walk.blobs, ["1", "2"]);
        let mut next = walk.ended();
        assert!(next.blobs.is_empty() && next.began_ms.is_none());
        ["2", "3"].into_iter().for_each(|id| next.take(id, id));
        assert_eq!(next.blobs, ["3"]);
        // "1" fell out of the overlap, so nobody remembers it; a look that begins anew remembers both.
        let (mut later, mut anew) = (next.ended(), next.begun_anew());
        ["1", "2", "3"].into_iter().for_each(|id| later.take(id, id));
        ["1", "2", "3"].into_iter().for_each(|id| anew.take(id, id));
        assert_eq!((later.blobs.len(), anew.blobs.len()), (1, 0));
    }

    #[test]
    fn what_is_remembered_ends_at_its_limit_and_the_newest_stay() {
        let mut walk = Walk::default();
        (0..FETCHED_MAX + 3).for_each(|number| walk.take(&number.to_string(), "x"));
        assert_eq!(walk.listed.len(), FETCHED_MAX);
        let mut ended = walk.ended();
        (0..10).for_each(|number| ended.take(&format!("later {number}"), "x"));
        let ended = ended.begun_anew();
        assert_eq!(ended.fetched.len(), FETCHED_MAX);
        assert!(ended.text().len() < 64 << 10, "{} bytes", ended.text().len());
        assert!(ended.fetched.contains(&hash("13")) && !ended.fetched.contains(&hash("12")));
    }
}
