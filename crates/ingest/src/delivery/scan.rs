//! Finds where a JSON value ends, without building anything from it.
//!
//! It is strict about structure (brackets, commas, colons, strings, literals), so that damage shows where it happens and not at the end
//! of the body: an element with a lost quote would else swallow its neighbours. What a string or a number means is left to the parser.

use super::JSON_DEPTH_MAX;

/// Where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// The byte after the value.
    pub(crate) end: usize,
    /// Is it nested deeper than `JSON_DEPTH_MAX`? Its end is known all the same.
    pub(crate) is_too_deep: bool,
}

/// The byte at which the bytes stopped being JSON; the length of the body when they ended too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The position.
    pub(crate) at: usize,
    /// Was the depth limit passed before?
    pub(crate) is_too_deep: bool,
}

/// Should a walk over the members of an object go on?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walk {
    /// To the next member.
    On,
    /// No further.
    Stop,
}

/// What is allowed next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// Skips white space.
pub(crate) fn skip_space(body: &[u8], mut at: usize) -> usize {
    while matches!(body.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of the value that begins at `start` (no white space before it).
///
/// # Errors
/// `Broken` where the bytes are no JSON.
pub(crate) fn value(body: &[u8], start: usize) -> Result<Value, Broken> {
    nested_value(body, start, 0)
}

/// The end of the object that begins at `start`; `visit` is called with each of its own keys (raw, between the quotes) and the position
/// of the value.
///
/// # Errors
/// `Broken` where the bytes are no JSON object.
pub(crate) fn members<'a>(
    body: &'a [u8],
    start: usize,
    mut visit: impl FnMut(&'a [u8], usize) -> Walk,
) -> Result<Value, Broken> {
    let mut is_too_deep = false;
    let broken = |at, is_too_deep| Broken { at, is_too_deep };
    if body.get(start) != Some(&b'{') {
        return Err(broken(start, false));
    }
    let mut at = skip_space(body, start + 1);
    if body.get(at) == Some(&b'}') {
        return Ok(Value { end: at + 1, is_too_deep });
    }
    loop {
        let key_end = string(body, at).map_err(|at| broken(at, is_too_deep))?;
        let key = body.get(at + 1..key_end - 1).unwrap_or_default();
        at = skip_space(body, key_end);
        if body.get(at) != Some(&b':') {
            return Err(broken(at, is_too_deep));
        }
        at = skip_space(body, at + 1);
        if visit(key, at) == Walk::Stop {
            return Ok(Value { end: at, is_too_deep });
        }
        let member = nested_value(body, at, 1)?;
        is_too_deep |= member.is_too_deep;
        at = skip_space(body, member.end);
        match body.get(at) {
            Some(b',') => at = skip_space(body, at + 1),
            Some(b'}') => return Ok(Value { end: at + 1, is_too_deep }),
            _ => return Err(broken(at, is_too_deep)),
        }
    }
}

/// The end of a value that itself stands `outer_depth` deep. A bit per open bracket tells objects from arrays.
fn nested_value(body: &[u8], start: usize, outer_depth: usize) -> Result<Value, Broken> {
    let mut objects: u64 = 0;
    let mut depth = 0_usize;
    let mut is_too_deep = false;
    let mut expect = Expect::Value;
    let mut at = start;
    loop {
        at = skip_space(body, at);
        let broken = Broken { at, is_too_deep };
        let byte = *body.get(at).ok_or(broken)?;
        match (byte, expect) {
            (b'{' | b'[', Expect::Value | Expect::ValueOrEnd) if depth + outer_depth >= JSON_DEPTH_MAX => {
                is_too_deep = true;
                at = skip_deep(body, at).ok_or(Broken { at: body.len(), is_too_deep })?;
            }
            (b'{' | b'[', Expect::Value | Expect::ValueOrEnd) => {
                let is_object = byte == b'{';
                objects = objects << 1 | u64::from(is_object);
                depth += 1;
                at += 1;
                expect = if is_object { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
                continue;
            }
            (b'}', Expect::KeyOrEnd | Expect::CommaOrEnd) if depth > 0 && objects & 1 == 1 => {
                (depth, objects, at) = (depth - 1, objects >> 1, at + 1);
            }
            (b']', Expect::ValueOrEnd | Expect::CommaOrEnd) if depth > 0 && objects & 1 == 0 => {
                (depth, objects, at) = (depth - 1, objects >> 1, at + 1);
            }
            (b'"', Expect::Key | Expect::KeyOrEnd) => {
                at = string(body, at).map_err(|at| Broken { at, is_too_deep })?;
                expect = Expect::Colon;
                continue;
            }
            (b'"', Expect::Value | Expect::ValueOrEnd) => {
                at = string(body, at).map_err(|at| Broken { at, is_too_deep })?;
            }
            (b':', Expect::Colon) => {
                (at, expect) = (at + 1, Expect::Value);
                continue;
            }
            (b',', Expect::CommaOrEnd) if depth > 0 => {
                (at, expect) = (at + 1, if objects & 1 == 1 { Expect::Key } else { Expect::Value });
                continue;
            }
            (_, Expect::Value | Expect::ValueOrEnd) => at = scalar(body, at).ok_or(broken)?,
            _ => return Err(broken),
        }
        if depth == 0 {
            return Ok(Value { end: at, is_too_deep });
        }
        expect = Expect::CommaOrEnd;
    }
}

/// The byte after the string that begins at `start`, or where it breaks: a control character in it is damage, not content.
fn string(body: &[u8], start: usize) -> Result<usize, usize> {
    if body.get(start) != Some(&b'"') {
        return Err(start);
    }
    let mut at = start + 1;
    loop {
        match body.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at += 2,
            Some(0..0x20) | None => return Err(at.min(body.len())),
            Some(_) => at += 1,
        }
    }
}

/// The byte after a number or one of the three literals.
fn scalar(body: &[u8], start: usize) -> Option<usize> {
    let rest = body.get(start..)?;
    for literal in [&b"true"[..], b"false", b"null"] {
        if rest.starts_with(literal) {
            return Some(start + literal.len());
        }
    }
    if !matches!(rest.first(), Some(b'-' | b'0'..=b'9')) {
        return None;
    }
    let length = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
    Some(start + length)
}

/// The byte after a bracket's partner, by counting alone: below the depth limit nothing is kept, so nothing is checked.
fn skip_deep(body: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match body.get(at)? {
            b'"' => {
                at = string(body, at).ok()?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_json_says() {
        for text in ["{}", "[]", r#"{"a":[1,-2.5e3,"x\"]",true,null],"b":{}}"#, "12", r#""a""#, "[[],{}]"] {
            let body = format!("{text} ,");
            assert_eq!(value(body.as_bytes(), 0), Ok(Value { end: text.len(), is_too_deep: false }), "{text}");
        }
    }

    #[test]
    fn damage_shows_where_it_happens() {
        for (text, at) in [
            (r#"{"a":"b},{"c":"d"}"#, 11),
            (r#"{"a":1,{"b":2}}"#, 7),
            (r#"{"a" 1}"#, 5),
            ("[1 2]", 3),
            ("{]", 1),
            ("[1}", 2),
            ("[1,]", 3),
            (r#"{"a":1,}"#, 7),
            (r#"{"a":tru}"#, 5),
            ("{\"a\":\"x\ny\"}", 7),
            (r#"{"a":"#, 5),
            (r#"{"a":"\"#, 7),
        ] {
            assert_eq!(value(text.as_bytes(), 0).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn the_end_of_what_is_too_deep_is_known() {
        let text = format!("{}{}", "[".repeat(JSON_DEPTH_MAX), "]".repeat(JSON_DEPTH_MAX));
        assert_eq!(value(text.as_bytes(), 0), Ok(Value { end: text.len(), is_too_deep: false }));
        let deep = format!("[{text}]");
        assert_eq!(value(deep.as_bytes(), 0), Ok(Value { end: deep.len(), is_too_deep: true }));
        let bomb = "[".repeat(1_000_000);
        assert_eq!(value(bomb.as_bytes(), 0), Err(Broken { at: bomb.len(), is_too_deep: true }));
    }

    #[test]
    fn members_are_the_objects_own() {
        let body = br#"{ "a" : {"x":1} , "b":[{"y":2}] }"#;
        let mut keys = Vec::new();
        let end = members(body, 0, |key, _| {
            keys.push(key);
            Walk::On
        });
        assert_eq!(keys, [b"a", b"b"]);
        assert_eq!(end, Ok(Value { end: body.len(), is_too_deep: false }));
    }
}
