//! What providers put around their events: which array of a top-level object holds the elements.
//!
//! | sender | shape |
//! |---|---|
//! | Okta event hook | `{"source":"https://{org}/…","data":{"events":[…]}}` |
//! | EventBridge (Okta, Auth0, Salesforce) | `{"detail-type":"SystemLog","source":"aws.partner/…","detail":{…}}`: one event, or an array of such |
//! | Event Hubs, diagnostic settings; Salesforce queries | `{"records":[…]}` |
//! | Microsoft Graph | `{"value":[…]}` |
//! | Google Reports API; Cloud Logging | `{"items":[…]}`; `{"entries":[…]}` |
//! | Slack | `{"entries":[…]}`, `{"logs":[…]}`, `{"logins":[…]}` |
//! | Auth0 log stream | `{"logs":[…]}` |
//! | OneLogin | `{"data":[…]}` |
//! | Dropbox | `{"events":[…]}` |
//! | anything else | the object is the event |
//!
//! Which of them are looked for is the provider's `Framing`, and not all for everybody: `events` is the page of one and a field of
//! another's event (a Google activity, a GitHub webhook with `data.events`). Where a mapping declares what its pages look like, that is the
//! only envelope there is.

use super::scan::{Broken, Value, Walk, members, skip_space, value};

/// How a provider frames its events.
#[derive(Clone, Copy, Debug)]
pub struct Framing<'a> {
    /// Keys of which each native event has at least one: how an event is known from an object inside one, after damage.
    pub markers: &'a [&'a [u8]],
    /// Keys of a top-level object that hold an array of events; `outer.inner` stands for an array in an object.
    pub pages: &'a [&'a [u8]],
}

impl Framing<'_> {
    /// Is this key one that holds an array of events?
    fn is_page(&self, key: &[u8]) -> bool {
        self.pages.contains(&key)
    }

    /// The key of the array in the object that this key holds.
    fn inner(&self, key: &[u8]) -> Option<&[u8]> {
        self.pages.iter().find_map(|page| page.strip_prefix(key)?.strip_prefix(b"."))
    }
}

/// What a top-level object turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The events are the elements of the array whose first byte (after the bracket) is told, with so many objects around it.
    Array { first: usize, closers: u8 },
    /// The event is one member; the object ends at `end`.
    Member { start: usize, detail: Value, end: usize },
    /// The object is the event.
    Event(Value),
}

/// A top-level object, looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened<'a> {
    pub(crate) shape: Shape,
    /// The raw text of the `source` of a hook or of EventBridge, where there is one.
    pub(crate) source: Option<&'a [u8]>,
}

/// Looks at the object that begins at `start`. An array of events is found before the walk reaches what stands in it, so damage there
/// does not hide it.
pub(crate) fn open<'a>(body: &'a [u8], start: usize, framing: &Framing<'_>) -> Result<Opened<'a>, Broken> {
    let mut array = None;
    let mut source = None;
    let mut detail_at = None;
    let mut is_log_stream = false;
    let walked = members(body, start, |key, at| {
        match (key, body.get(at)) {
            (key, Some(b'[')) if framing.is_page(key) => array = Some((at + 1, 1)),
            (b"source", Some(b'"')) => source = text_at(body, at),
            (b"detail-type", _) => is_log_stream = true,
            (b"detail", Some(b'{')) => detail_at = Some(at),
            (key, Some(b'{')) => {
                array = framing.inner(key).and_then(|inner| array_of(body, at, inner)).map(|first| (first, 2));
            }
            _ => {}
        }
        if array.is_some() { Walk::Stop } else { Walk::On }
    })?;
    if let Some((first, closers)) = array {
        let source = source.or_else(|| if closers == 2 { source_of(body, start) } else { None });
        return Ok(Opened { shape: Shape::Array { first, closers }, source });
    }
    if let (true, Some(at)) = (is_log_stream, detail_at) {
        return Ok(Opened { shape: Shape::Member { start: at, detail: value(body, at)?, end: walked.end }, source });
    }
    Ok(Opened { shape: Shape::Event(walked), source: None })
}

/// The byte behind the rest of an envelope that stands at `at` (behind the array's bracket), with `closers` objects still open.
///
/// # Errors
/// The place at which it is none: then the bracket was not the envelope's.
pub(crate) fn close(body: &[u8], mut at: usize, closers: u8) -> Result<usize, usize> {
    let end_of = |at| value(body, at).map(|value| skip_space(body, value.end)).map_err(|broken| broken.at);
    let expect = |at: usize, byte: u8| if body.get(at) == Some(&byte) { Ok(at) } else { Err(at) };
    for _ in 0..closers {
        at = skip_space(body, at);
        while body.get(at) == Some(&b',') {
            let key = expect(skip_space(body, at + 1), b'"')?;
            let colon = expect(end_of(key)?, b':')?;
            at = end_of(skip_space(body, colon + 1))?;
        }
        at = expect(at, b'}')? + 1;
    }
    // Another value may follow on another line. On the same one, the bracket was damage.
    let next = skip_space(body, at);
    let is_line_end = body.get(at..next).unwrap_or_default().contains(&b'\n');
    match body.get(next) {
        None => Ok(at),
        Some(b'{' | b'[') if is_line_end => Ok(at),
        Some(_) => Err(next),
    }
}

/// Looks at the object that begins at `start`, whose array of events was declared: `page` are the members that lead to it.
pub(crate) fn open_page<'a>(body: &'a [u8], start: usize, page: &[String]) -> Result<Opened<'a>, Broken> {
    let array = array_at(body, start, page);
    let shape = array.map_or_else(|| value(body, start).map(Shape::Event), Ok)?;
    Ok(Opened { shape, source: None })
}

/// The array that a path of members leads to.
fn array_at(body: &[u8], start: usize, page: &[String]) -> Option<Shape> {
    let mut at = start;
    for token in page {
        let mut found = None;
        members(body, at, |key, place| {
            if key == token.as_bytes() {
                found = Some(place);
                return Walk::Stop;
            }
            Walk::On
        })
        .ok()?;
        at = found?;
    }
    let closers = u8::try_from(page.len()).ok().filter(|closers| *closers > 0)?;
    (body.get(at) == Some(&b'[')).then_some(Shape::Array { first: at + 1, closers })
}

/// The first byte of the array of that name in the object at a position.
fn array_of(body: &[u8], object: usize, name: &[u8]) -> Option<usize> {
    let mut found = None;
    members(body, object, |key, at| {
        if key == name && body.get(at) == Some(&b'[') {
            found = Some(at + 1);
            return Walk::Stop;
        }
        Walk::On
    })
    .ok()?;
    found
}

/// The hook's `source`, wherever it stands: Okta writes it before the events, but members have no order.
fn source_of(body: &[u8], start: usize) -> Option<&[u8]> {
    let mut source = None;
    members(body, start, |key, at| {
        if key == b"source" {
            source = text_at(body, at);
            return Walk::Stop;
        }
        Walk::On
    })
    .ok()?;
    source
}

/// The raw content of the string at a position.
fn text_at(body: &[u8], at: usize) -> Option<&[u8]> {
    let end = value(body, at).ok()?.end;
    body.get(at..end)?.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMING: Framing<'_> = Framing { markers: &[], pages: &[b"records", b"value", b"items", b"data.events"] };

    fn open(body: &[u8], start: usize) -> Result<Opened<'_>, Broken> {
        super::open(body, start, &FRAMING)
    }

    #[test]
    fn each_envelope_is_recognised() {
        for (body, closers) in [
            (r#"{"records":[{}]}"#, 1),
            (r#"{"@odata.context":"x","value": [{}]}"#, 1),
            (r#"{"kind":"k","items":[{}]}"#, 1),
            (r#"{"data":{"n":1,"events":[{}]},"source":"https://acme.okta.com/x"}"#, 2),
        ] {
            let opened = open(body.as_bytes(), 0).unwrap();
            let Shape::Array { first, closers: found } = opened.shape else { panic!("{body}: {:?}", opened.shape) };
            assert_eq!((found, body.as_bytes().get(first)), (closers, Some(&b'{')), "{body}");
            let behind = body.find(']').unwrap() + 1;
            assert_eq!(close(body.as_bytes(), behind, closers), Ok(body.len()), "{body}");
        }
        let hook = br#"{"data":{"events":[]},"source":"https://acme.okta.com/x"}"#;
        assert_eq!(open(hook, 0).unwrap().source, Some(&b"https://acme.okta.com/x"[..]), "the source may stand behind");
    }

    #[test]
    fn a_declared_page_is_the_only_envelope() {
        let path = ["data".to_owned(), "list".to_owned()];
        let body = br#"{"data":{"n":1,"list": [{}],"next":2},"records":[]}"#;
        let opened = open_page(body, 0, &path).unwrap();
        let Shape::Array { first, closers: 2 } = opened.shape else { panic!("{:?}", opened.shape) };
        assert_eq!(close(body, first + 3, 2), Ok(body.len()));
        for (body, page) in [
            (&br#"{"items":[{}]}"#[..], &[][..]),
            (br#"{"items":[{}]}"#, &path),
            (br#"{"data":{"list":{}}}"#, &path),
            (br#"{"data":[{"list":[]}]}"#, &path),
        ] {
            let whole = Shape::Event(Value { end: body.len(), is_too_deep: false });
            assert_eq!(open_page(body, 0, page).unwrap().shape, whole);
        }
    }

    #[test]
    fn only_the_providers_own_envelopes_are_looked_for() {
        let webhook = br#"{"action":"hook.create","data":{"hook_id":1,"events":["push","fork"]}}"#;
        let activity = br#"{"id":{},"events":[{"name":"authorize"}]}"#;
        let shape = |body, pages| super::open(body, 0, &Framing { markers: &[], pages }).unwrap().shape;
        assert!(matches!(shape(webhook, &[b"records"]), Shape::Event(_)));
        assert!(matches!(shape(webhook, &[b"data.events"]), Shape::Array { closers: 2, .. }));
        assert!(matches!(shape(activity, &[b"items"]), Shape::Event(_)));
        assert!(matches!(shape(activity, &[b"events"]), Shape::Array { closers: 1, .. }));
    }

    #[test]
    fn an_event_is_not_an_envelope() {
        for body in [r#"{"value":"x","records":{}}"#, r#"{"data":{"events":{}}}"#, r#"{"detail":{}}"#] {
            assert!(matches!(open(body.as_bytes(), 0).unwrap().shape, Shape::Event(_)), "{body}");
        }
    }
}
