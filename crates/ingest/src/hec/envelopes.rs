//! The collector's envelopes: `{"event":…,"time":…,"host":…}{"event":…}`, one behind the other and in no array.
//!
//! What comes out is the native events, one behind the other: the body that `/v1/events` would have taken. An envelope that is none refuses the
//! whole, with its place, as Splunk does: a body that was cut off must come again. What is wrong *inside* of an event costs that event alone,
//! as everywhere. `time`, `host`, `source` and `fields` are the sender's words about the event, and the event has its own.

use std::borrow::Cow;

use crate::delivery::scan::{Walk, members, skip_space, value};

/// Why a body is no row of envelopes. The number is the place of the envelope, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    /// Nothing but white space.
    #[error("no data")]
    NoData,
    /// Not JSON, cut off, or something else than an object.
    #[error("invalid data format at event {0}")]
    Invalid(usize),
    /// An object without `event`.
    #[error("no event field at event {0}")]
    Missing(usize),
    /// An `event` that is empty.
    #[error("a blank event field at event {0}")]
    Blank(usize),
}

impl EnvelopeError {
    /// The place of the envelope that is wrong.
    pub(super) const fn event(self) -> Option<usize> {
        match self {
            EnvelopeError::NoData => None,
            EnvelopeError::Invalid(event) | EnvelopeError::Missing(event) | EnvelopeError::Blank(event) => Some(event),
        }
    }
}

/// The native events of a body, one a line.
pub(crate) fn events(body: Vec<u8>) -> Result<Vec<u8>, EnvelopeError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body);
    let mut events = Vec::with_capacity(body.len());
    let mut at = skip_space(body, 0);
    if at == body.len() {
        return Err(EnvelopeError::NoData);
    }
    let mut number = 0;
    while at < body.len() {
        let mut event = None;
        let envelope = members(body, at, |key, place| {
            if key == b"event" {
                event = Some(place);
            }
            Walk::On
        });
        let end = envelope.map_err(|_| EnvelopeError::Invalid(number))?.end;
        let place = event.ok_or(EnvelopeError::Missing(number))?;
        let event_end = value(body, place).map_err(|_| EnvelopeError::Invalid(number))?.end;
        let raw = body.get(place..event_end).unwrap_or_default();
        events.extend_from_slice(&native(raw, number)?);
        events.push(b'\n');
        at = skip_space(body, end);
        number += 1;
    }
    Ok(events)
}

/// The native event: the value itself, or what stands in it as text, which is how some forwarders write it.
fn native(raw: &[u8], number: usize) -> Result<Cow<'_, [u8]>, EnvelopeError> {
    let text = match raw.first() {
        Some(b'"') => {
            let text: String = serde_json::from_slice(raw).map_err(|_| EnvelopeError::Invalid(number))?;
            Cow::Owned(text.into_bytes())
        }
        _ => Cow::Borrowed(raw),
    };
    if text.trim_ascii().is_empty() || &*text == b"null" || &*text == b"{}" {
        return Err(EnvelopeError::Blank(number));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> Result<String, EnvelopeError> {
        events(body.as_bytes().to_vec()).map(|events| String::from_utf8(events).unwrap())
    }

    #[test]
    fn envelopes_stand_one_behind_the_other() {
        for (body, expected) in [
            (r#"{"event":{"a":1},"time":1.5}{"host":"x","event":{"b":[2]}}"#, "{\"a\":1}\n{\"b\":[2]}\n"),
            ("{\"event\":{\"a\":1}}\r\n\r\n {\"event\": {\"b\" :2} }\n", "{\"a\":1}\n{\"b\" :2}\n"),
            (r#"{"event":"{\"a\":\"\\u00e4\"}"}"#, "{\"a\":\"\\u00e4\"}\n"),
            (r#"{"event":"first","event":{"last":1},"fields":{"event":0}}"#, "{\"last\":1}\n"),
            (r#"{"event":"plain words"}"#, "plain words\n"),
        ] {
            assert_eq!(check(body).as_deref(), Ok(expected), "{body}");
        }
    }

    #[test]
    fn a_body_that_is_none_is_told_with_the_place() {
        for (body, expected) in [
            ("", EnvelopeError::NoData),
            (" \r\n", EnvelopeError::NoData),
            (r#"[{"event":{}}]"#, EnvelopeError::Invalid(0)),
            (r#"{"event":{"a":1}}{"event":{"a":"#, EnvelopeError::Invalid(1)),
            (r#"{"event":{"a":1}},{"event":{"a":1}}"#, EnvelopeError::Invalid(1)),
            ("<html>", EnvelopeError::Invalid(0)),
            (r#"{"event":{"a":1}}{"time":1}"#, EnvelopeError::Missing(1)),
            (r#"{"event":""}"#, EnvelopeError::Blank(0)),
            (r#"{"event":{"a":1}}{"event":null}"#, EnvelopeError::Blank(1)),
            (r#"{"event":{}}"#, EnvelopeError::Blank(0)),
            (r#"{"event":"\ud83d"}"#, EnvelopeError::Invalid(0)),
        ] {
            assert_eq!(check(body), Err(expected), "{body}");
        }
    }
}
