//! Splits a body into single native events, each a slice of the body.
//!
//! A body is a row of JSON values: one array, one envelope, one event, or many of these, one a line (NDJSON). Each element is delimited
//! by structure alone and parsed later, on its own.
//!
//! An array is delimited as a whole first. When it is in order to its end (nearly always), that was all. When it is not, it is gone
//! through again with distrust: where the structure breaks, the next event begins at a line's first bracket, or at an object behind a
//! comma that is whole and has an event's keys, or that opens like its siblings. What lies between is *one* broken element. An element
//! that holds such an object has lost a bracket and swallowed its neighbour, and ends there. Looking further costs at most
//! `RESYNC_FACTOR` times the body in all, so a hostile body cannot make it quadratic; when that is used up, the rest of the body is
//! one broken element.

use super::{
    EVENT_BYTES_MAX,
    envelope::{self, Framing, Opened, Shape},
    scan::{Broken, Value, Walk, members, skip_space, value},
};

/// How many times the body's length may be scanned in search of the next event after damage, in all.
const RESYNC_FACTOR: usize = 8;

/// One native event, or what stands where one should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its place among the elements of the body, from 0.
    pub index: usize,
    /// Its first byte's place in the body.
    pub offset: usize,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Why it cannot be parsed, if that is known already.
    pub fault: Option<Fault>,
}

/// What the splitter itself finds wrong with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON.
    Broken,
    /// Longer than `EVENT_BYTES_MAX`.
    TooLarge,
    /// Deeper than `JSON_DEPTH_MAX`.
    TooDeep,
    /// More than the allowed number of elements: this one is the rest of the body, and the last.
    TooMany,
}

/// The elements of a body, in order.
pub struct Elements<'a> {
    body: &'a [u8],
    framing: Framing<'a>,
    limit: usize,
    at: usize,
    index: usize,
    /// The elements of an array that is in order, and where to go on behind it.
    planned: std::vec::IntoIter<(usize, Value)>,
    /// Objects around an open array that is damaged somewhere; nothing at the top level.
    damaged: Option<u8>,
    /// How the array's elements open: the first key of the first of them.
    opening: Option<&'a [u8]>,
    /// Where a page holds its events, if that was declared; else it is one of the known envelopes.
    page: Option<&'a [String]>,
    /// Has each element of the array an envelope of its own? The first one tells.
    is_bridged: bool,
    source: Option<&'a [u8]>,
    budget_bytes: usize,
    /// Where the next event begins in a damaged stretch, if that is known already.
    found: Option<usize>,
    /// No event begins between the place of the last search and here.
    clear_to: usize,
}

impl<'a> Elements<'a> {
    /// Begins. `framing`: the provider's. `limit`: most elements.
    #[must_use]
    pub fn new(body: &'a [u8], framing: Framing<'a>, limit: usize) -> Elements<'a> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let budget_bytes = body.len().saturating_mul(RESYNC_FACTOR);
        let planned = Vec::new().into_iter();
        Elements {
            body,
            framing,
            limit,
            at: 0,
            index: 0,
            planned,
            damaged: None,
            opening: None,
            page: None,
            is_bridged: false,
            source: None,
            budget_bytes,
            found: None,
            clear_to: 0,
        }
    }

    /// With no other envelope than a declared one: the members that lead to the array of a page's events; none where objects are events.
    #[must_use]
    pub const fn in_page(mut self, page: &'a [String]) -> Elements<'a> {
        self.page = Some(page);
        self
    }

    /// The `source` of the envelope (of a hook, of EventBridge) that holds the element returned last, as its raw text.
    #[must_use]
    pub const fn source(&self) -> Option<&'a [u8]> {
        self.source
    }

    /// How many bytes the search after damage may still look at.
    #[must_use]
    pub const fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// Opens what stands at the top level, or returns it when it is an event itself.
    fn top_level(&mut self) -> Option<Element<'a>> {
        let start = self.at;
        (self.source, self.is_bridged) = (None, false);
        match self.body.get(start)? {
            b'[' => self.open_array(start + 1, 0),
            b'{' => match self.opened(start) {
                Ok(Opened { shape: Shape::Event(value), .. }) if self.is_followed_well(value.end) => {
                    return Some(self.whole(start, value, value.end));
                }
                Ok(Opened { shape: Shape::Event(Value { end: at, is_too_deep }), .. }) => {
                    self.spend(at - start);
                    return Some(self.broken(start, is_too_deep));
                }
                Ok(Opened { shape: Shape::Member { start, detail, end }, source }) => {
                    self.source = source;
                    return Some(self.whole(start, detail, end));
                }
                Ok(Opened { shape: Shape::Array { first, closers }, source }) => {
                    self.source = source;
                    self.open_array(first, closers);
                }
                Err(broken) => {
                    self.spend(broken.at.saturating_sub(start));
                    return Some(self.broken(start, broken.is_too_deep));
                }
            },
            // JSON, and no event: the parser says so.
            _ => match value(self.body, start) {
                Ok(value) if self.is_alone(value.end) => return Some(self.whole(start, value, value.end)),
                Ok(_) | Err(_) => return Some(self.broken(start, false)),
            },
        }
        None
    }

    /// What the object at a place turns out to be.
    fn opened(&self, start: usize) -> Result<Opened<'a>, Broken> {
        match self.page {
            Some(page) => envelope::open_page(self.body, start, page),
            None => envelope::open(self.body, start, &self.framing),
        }
    }

    /// Does a value that stands by itself end where its line does, or the body?
    fn is_alone(&self, end: usize) -> bool {
        let rest = self.body.get(end..).unwrap_or_default();
        rest.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).is_none_or(|byte| *byte == b'\n')
    }

    fn open_array(&mut self, first: usize, closers: u8) {
        let opened = self.opened(skip_space(self.body, first));
        self.is_bridged = matches!(opened, Ok(Opened { shape: Shape::Member { .. }, .. }));
        match self.plan(first, closers) {
            Ok((planned, end)) => (self.planned, self.at) = (planned.into_iter(), end),
            Err(damage) => {
                self.spend(damage - first);
                (self.at, self.damaged) = (first, Some(closers));
                self.opening = opening_key(self.body, skip_space(self.body, first));
                (self.found, self.clear_to) = (None, first);
            }
        }
    }

    /// The elements of the array whose first byte is told, and the place behind its envelope, if all of it is in order; else the place
    /// of the damage. Of an array that has too many, one more than is allowed.
    fn plan(&self, first: usize, closers: u8) -> Result<(Vec<(usize, Value)>, usize), usize> {
        let mut planned = Vec::new();
        let mut at = skip_space(self.body, first);
        while self.body.get(at) != Some(&b']') || !planned.is_empty() {
            let value = value(self.body, at).map_err(|broken| broken.at)?;
            planned.push((at, value));
            at = skip_space(self.body, value.end);
            match self.body.get(at) {
                Some(b',') if self.index + planned.len() > self.limit => return Ok((planned, self.body.len())),
                Some(b',') => at = skip_space(self.body, at + 1),
                Some(b']') => break,
                _ => return Err(at),
            }
        }
        envelope::close(self.body, at + 1, closers).map(|end| (planned, end))
    }

    /// The next element of a damaged array; nothing when the array has ended. It reaches to the next event at most: one that goes on
    /// behind that has swallowed it.
    fn next_of_damaged(&mut self, closers: u8) -> Option<Element<'a>> {
        let start = self.at;
        if self.body.get(start) == Some(&b']') {
            return match envelope::close(self.body, start + 1, closers) {
                Ok(end) => {
                    (self.at, self.damaged, self.opening) = (end, None, None);
                    (self.found, self.clear_to) = (None, end);
                    None
                }
                Err(at) => {
                    self.spend(at - start);
                    Some(self.broken(start, false))
                }
            };
        }
        let window = self.body.len().min(start + EVENT_BYTES_MAX);
        let next = self.next_start(start + 1, window);
        let until = if next == window { self.body.len() } else { next };
        let scanned = value(self.body.get(..until).unwrap_or_default(), start);
        let (end, is_too_deep) =
            scanned.map_or_else(|broken| (broken.at, broken.is_too_deep), |value| (value.end, value.is_too_deep));
        self.spend(end.saturating_sub(start));
        match scanned {
            Ok(value) if self.is_followed_well(value.end) => Some(self.whole(start, value, value.end)),
            _ => Some(self.broken(start, is_too_deep)),
        }
    }

    /// Looking at bytes for a second time has a price.
    const fn spend(&mut self, bytes: usize) {
        self.budget_bytes = self.budget_bytes.saturating_sub(bytes);
    }

    /// Does what may follow an element follow?
    fn is_followed_well(&self, end: usize) -> bool {
        let at = skip_space(self.body, end);
        let is_line_end = self.body.get(end..at).unwrap_or_default().contains(&b'\n');
        match (self.damaged, self.body.get(at)) {
            (_, None | Some(b',')) | (Some(_), Some(b']')) | (None, Some(b'{' | b'[')) => true,
            (damaged, Some(_)) => damaged.is_none() && is_line_end,
        }
    }

    /// An element whose end is known.
    fn whole(&mut self, start: usize, value: Value, next: usize) -> Element<'a> {
        self.at = next;
        let (start, value) = if self.is_bridged { self.unwrapped(start, value) } else { (start, value) };
        let fault = if value.end - start > EVENT_BYTES_MAX {
            Some(Fault::TooLarge)
        } else if value.is_too_deep {
            Some(Fault::TooDeep)
        } else {
            None
        };
        self.element(start, value.end, fault)
    }

    /// The event of an element that has an envelope of its own.
    fn unwrapped(&mut self, start: usize, value: Value) -> (usize, Value) {
        match self.opened(start) {
            Ok(Opened { shape: Shape::Member { start, detail, .. }, source }) => {
                self.source = source;
                (start, detail)
            }
            _ => (start, value),
        }
    }

    /// The element from `start` to wherever the next event begins.
    fn broken(&mut self, start: usize, is_too_deep: bool) -> Element<'a> {
        let next = if self.budget_bytes == 0 { self.body.len() } else { self.next_start(start + 1, self.body.len()) };
        self.at = next;
        let end = if next == self.body.len() { self.without_envelope(start) } else { next };
        let end = start + trimmed(self.body.get(start..end).unwrap_or_default());
        self.element(start, end, Some(if is_too_deep { Fault::TooDeep } else { Fault::Broken }))
    }

    fn element(&mut self, start: usize, end: usize, fault: Option<Fault>) -> Element<'a> {
        let (index, is_too_many) = (self.index, self.index >= self.limit);
        self.index += 1;
        let (end, fault) = if is_too_many {
            self.at = self.body.len();
            self.planned = Vec::new().into_iter();
            (self.body.len(), Some(Fault::TooMany))
        } else {
            (end, fault)
        };
        Element { index, offset: start, bytes: self.body.get(start..end).unwrap_or_default(), fault }
    }

    /// The next place between `from` and `until` at which an event begins; `until` when there is none. Looks at each byte once, however
    /// often it is asked.
    fn next_start(&mut self, from: usize, until: usize) -> usize {
        let found = match self.found {
            Some(found) if found >= from => Some(found),
            _ => self.search(from.max(self.clear_to), until),
        };
        self.found = found;
        self.clear_to = found.unwrap_or(until.max(self.clear_to));
        found.map_or(until, |found| found.min(until))
    }

    fn search(&mut self, from: usize, until: usize) -> Option<usize> {
        let before = self.body.get(..from)?;
        let mut is_behind_comma = before.trim_ascii_end().last() == Some(&b',');
        let mut is_line_start = before.last() == Some(&b'\n');
        for (at, byte) in self.body.iter().enumerate().take(until).skip(from) {
            match byte {
                b'{' | b'[' if is_line_start && self.damaged.is_none() => return Some(at),
                b'{' if (is_behind_comma || is_line_start) && self.budget_bytes > 0 => {
                    if self.is_event_start(at) {
                        return Some(at);
                    }
                    is_behind_comma = false;
                }
                b',' => is_behind_comma = true,
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ => is_behind_comma = false,
            }
            is_line_start = *byte == b'\n';
        }
        None
    }

    /// Does an event begin here: one that opens like its siblings, or one that is whole and has an event's keys? Many nested objects
    /// open with `id`, so that opening proves nothing.
    fn is_event_start(&mut self, at: usize) -> bool {
        let opening = opening_key(self.body, at);
        if opening.is_some_and(|key| key != b"id" && Some(key) == self.opening) {
            return true;
        }
        let (mut has_marker, markers) = (false, self.framing.markers);
        let walked = members(self.body, at, |key, _| {
            has_marker |= markers.contains(&key);
            Walk::On
        });
        let end = walked.map_or_else(|broken| broken.at, |value| value.end);
        self.spend(end - at);
        walked.is_ok() && has_marker && self.is_followed_well(end)
    }

    /// Where a broken last element ends: the closing of its envelope is not part of it.
    fn without_envelope(&self, start: usize) -> usize {
        let whole = self.body.get(start..).unwrap_or_default();
        let Some(closers) = self.damaged else { return self.body.len() };
        let mut rest = whole.trim_ascii_end();
        for _ in 0..closers {
            let Some(shorter) = rest.strip_suffix(b"}") else { return self.body.len() };
            rest = shorter.trim_ascii_end();
        }
        rest.strip_suffix(b"]").map_or(self.body.len(), |rest| start + rest.len().max(1))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            if let Some((start, value)) = self.planned.next() {
                return Some(self.whole(start, value, self.at));
            }
            while matches!(self.body.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n' | b',')) {
                self.at += 1;
            }
            self.body.get(self.at)?;
            let found = match self.damaged {
                _ if self.budget_bytes == 0 => Some(self.broken(self.at, false)),
                Some(closers) => self.next_of_damaged(closers),
                None => self.top_level(),
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

/// The first key of the object at a position, raw.
fn opening_key(body: &[u8], at: usize) -> Option<&[u8]> {
    let mut first = None;
    members(body, at, |key, _| {
        first = Some(key);
        Walk::Stop
    })
    .ok()?;
    first
}

/// The length without trailing white space and commas, at least one byte.
fn trimmed(bytes: &[u8]) -> usize {
    let is_content = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',');
    bytes.iter().rposition(is_content).map_or(bytes.len().min(1), |last| last + 1)
}
