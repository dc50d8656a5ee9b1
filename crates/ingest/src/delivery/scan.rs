//! Finds where a JSON value ends, without building anything from it.
//!
//! It is strict about structure (brackets, commas, colons, strings, literals), so that damage shows where it happens and not at the end
//! of the body: an element with a lost quote would else swallow its neighbours. What a string or a number means is left to the parser,
//! which passes over what it does not read by `exact_value`.

use super::JSON_DEPTH_MAX;

/// Bytes of a string that are looked at together.
const WORD_BYTES: usize = 8;

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

/// Skips white space.
#[inline]
pub(crate) fn skip_space(body: &[u8], mut at: usize) -> usize {
    // Nearly always there is none, which one comparison tells.
    while body.get(at).is_some_and(|byte| *byte <= b' ' && matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of the value that begins at `start` (no white space before it).
///
/// # Errors
/// `Broken` where the bytes are no JSON.
pub(crate) fn value(body: &[u8], start: usize) -> Result<Value, Broken> {
    nested_value::<false>(body, start, 0)
}

/// The end of the value that begins at `start`, where all of it is JSON to the letter: its numbers and its escapes as well. `outer_depth` is how
/// deep it stands itself. `None` where it is not, or is nested deeper than `JSON_DEPTH_MAX`.
#[inline]
pub(crate) fn exact_value(body: &[u8], start: usize, outer_depth: usize) -> Option<usize> {
    // Most of what is passed over is a text.
    if body.get(start) == Some(&b'"') {
        return string::<true>(body, start).ok();
    }
    nested_value::<true>(body, start, outer_depth).ok().filter(|value| !value.is_too_deep).map(|value| value.end)
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
        let key_end = string::<false>(body, at).map_err(|at| broken(at, is_too_deep))?;
        let key = body.get(at + 1..key_end - 1).unwrap_or_default();
        at = skip_space(body, key_end);
        if body.get(at) != Some(&b':') {
            return Err(broken(at, is_too_deep));
        }
        at = skip_space(body, at + 1);
        if visit(key, at) == Walk::Stop {
            return Ok(Value { end: at, is_too_deep });
        }
        let member = nested_value::<false>(body, at, 1)?;
        is_too_deep |= member.is_too_deep;
        at = skip_space(body, member.end);
        match body.get(at) {
            Some(b',') => at = skip_space(body, at + 1),
            Some(b'}') => return Ok(Value { end: at + 1, is_too_deep }),
            _ => return Err(broken(at, is_too_deep)),
        }
    }
}

/// The end of a value that itself stands `outer_depth` deep. A bit per open bracket tells objects from arrays. `IS_EXACT`: numbers and escapes
/// are looked at, too.
fn nested_value<const IS_EXACT: bool>(body: &[u8], start: usize, outer_depth: usize) -> Result<Value, Broken> {
    let (mut objects, mut depth) = (0_u64, 0_usize);
    let mut is_too_deep = false;
    let mut at = start;
    // Each turn begins where a value must begin, and ends where the next one must, or returns.
    'value: loop {
        at = skip_space(body, at);
        // Where the next member of the innermost object begins, if one must.
        let mut member = None;
        match body.get(at) {
            Some(b'"') => at = string::<IS_EXACT>(body, at).map_err(|at| Broken { at, is_too_deep })?,
            Some(b'{' | b'[') if depth + outer_depth >= JSON_DEPTH_MAX => {
                is_too_deep = true;
                at = skip_deep(body, at).ok_or(Broken { at: body.len(), is_too_deep })?;
            }
            Some(bracket @ (b'{' | b'[')) => {
                let is_object = *bracket == b'{';
                let first = skip_space(body, at + 1);
                if body.get(first) == Some(if is_object { &b'}' } else { &b']' }) {
                    at = first + 1;
                } else {
                    (objects, depth, at) = (objects << 1 | u64::from(is_object), depth + 1, first);
                    if !is_object {
                        continue;
                    }
                    member = Some(first);
                }
            }
            _ => at = scalar::<IS_EXACT>(body, at).ok_or(Broken { at, is_too_deep })?,
        }
        loop {
            if let Some(first) = member.take() {
                match text_members::<IS_EXACT>(body, first).map_err(|at| Broken { at, is_too_deep })? {
                    Stands::BeforeValue(value) => {
                        at = value;
                        continue 'value;
                    }
                    Stands::BehindValue(end) => at = end,
                }
            }
            if depth == 0 {
                return Ok(Value { end: at, is_too_deep });
            }
            at = skip_space(body, at);
            let is_object = objects & 1 == 1;
            match (body.get(at), is_object) {
                (Some(b','), true) => member = Some(skip_space(body, at + 1)),
                (Some(b','), false) => {
                    at += 1;
                    continue 'value;
                }
                (Some(b'}'), true) | (Some(b']'), false) => (objects, depth, at) = (objects >> 1, depth - 1, at + 1),
                _ => return Err(Broken { at, is_too_deep }),
            }
        }
    }
}

/// Where a walk over members stopped.
enum Stands {
    /// Behind a key and its colon.
    BeforeValue(usize),
    /// Behind a whole member.
    BehindValue(usize),
}

/// Passes over the member whose key begins at `start`, and over those behind it, as long as they are texts and nothing stands between them. Most
/// members are.
#[inline]
fn text_members<const IS_EXACT: bool>(body: &[u8], mut start: usize) -> Result<Stands, usize> {
    loop {
        let value = key::<IS_EXACT>(body, start)?;
        if body.get(value) != Some(&b'"') {
            return Ok(Stands::BeforeValue(value));
        }
        let end = string::<IS_EXACT>(body, value)?;
        match body.get(end..).and_then(<[u8]>::first_chunk) {
            Some(b",\"") => start = end + 1,
            _ => return Ok(Stands::BehindValue(end)),
        }
    }
}

/// The byte after the key that begins at `start` and its colon, or where it breaks.
#[inline]
fn key<const IS_EXACT: bool>(body: &[u8], start: usize) -> Result<usize, usize> {
    let colon = skip_space(body, string::<IS_EXACT>(body, start)?);
    if body.get(colon) == Some(&b':') { Ok(colon + 1) } else { Err(colon) }
}

/// The byte after the string that begins at `start`, or where it breaks: a control character in it is damage, not content.
#[inline]
fn string<const IS_EXACT: bool>(body: &[u8], start: usize) -> Result<usize, usize> {
    if body.get(start) != Some(&b'"') {
        return Err(start);
    }
    let mut at = start + 1;
    loop {
        at = plain(body, at);
        match body.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if IS_EXACT => at += escape_bytes(body, at).ok_or(at)?,
            Some(b'\\') => at += 2,
            Some(_) | None => return Err(at.min(body.len())),
        }
    }
}

/// The length of the escape that begins at a backslash; `None` where JSON knows none like it. That a half of a pair has its other half is not asked.
fn escape_bytes(body: &[u8], at: usize) -> Option<usize> {
    match body.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => body.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// The first byte from `at` on that is no content of a string: a quote, a backslash, a control character; the length of the body, or more, when
/// there is none. Eight at a time, because most of a body is in strings; not sixteen, because most strings are shorter (a block of SSE2 took a
/// quarter more time over the fixtures of Okta).
#[inline]
pub(crate) fn plain(body: &[u8], mut at: usize) -> usize {
    while let Some(word) = body.get(at..).and_then(<[u8]>::first_chunk::<WORD_BYTES>) {
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += WORD_BYTES;
    }
    let rest = body.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len())
}

/// The highest bit of each byte that ends a run of content. Those above the first one may be wrong (a subtraction borrows), and are not asked for.
#[inline]
const fn stops(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x80 * ONES;
    let quote = word ^ (b'"' as u64 * ONES);
    let backslash = word ^ (b'\\' as u64 * ONES);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(0x20 * ONES) & !word;
    (is_quote | is_backslash | is_control) & HIGHEST
}

/// The byte after a number or one of the three literals.
fn scalar<const IS_EXACT: bool>(body: &[u8], start: usize) -> Option<usize> {
    let rest = body.get(start..)?;
    let literal: &[u8] = match rest.first()? {
        b'n' => b"null",
        b't' => b"true",
        b'f' => b"false",
        b'-' | b'0'..=b'9' if IS_EXACT => return number_bytes(rest).map(|bytes| start + bytes),
        b'-' | b'0'..=b'9' => {
            let is_of_number = |byte: &&u8| matches!(**byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
            return Some(start + rest.iter().take_while(is_of_number).count());
        }
        _ => return None,
    };
    rest.starts_with(literal).then_some(start + literal.len())
}

/// How long the number is that these bytes begin with, by JSON's grammar.
pub(crate) fn number_bytes(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match bytes.get(at)? {
        b'0' => 1,
        b'1'..=b'9' => digits(at),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        at += 1 + Some(digits(at + 1)).filter(|digits| *digits > 0)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at += Some(digits(at)).filter(|digits| *digits > 0)?;
    }
    Some(at)
}

/// The byte after a bracket's partner, by counting alone: below the depth limit nothing is kept, so nothing is checked.
fn skip_deep(body: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match body.get(at)? {
            b'"' => {
                at = string::<false>(body, at).ok()?;
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
    fn content_ends_at_the_same_byte_wherever_in_a_word_that_stands() {
        for length in 0..40 {
            for byte in 0..=u8::MAX {
                let mut body = vec![b'x'; length];
                body.extend_from_slice(&[byte, b'"', b'\\', 0x1f, b'"', 0x80, 0x7f, b' ', b'"']);
                body.extend_from_slice(b"more than a word of it");
                let by_bytes = body.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap();
                assert_eq!(plain(&body, 0), by_bytes, "{byte} behind {length}");
                assert_eq!(plain(&body[..length], 0), length);
            }
        }
        assert_eq!(plain(b"ab", 3), 3, "an escape may be cut off");
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
    fn what_is_passed_over_must_be_json_to_the_letter() {
        for text in [r#""a\n\u00e9\\""#, "-0.5e+3", "0", "[1,{}]", r#"{"a":[true,null]}"#, "1E9"] {
            assert_eq!(exact_value(text.as_bytes(), 0, 0), Some(text.len()), "{text}");
        }
        for text in [
            r#""\x""#,
            r#""\u12g4""#,
            r#""\u12"#,
            "-",
            "1.",
            "1.e5",
            "1e",
            "1e+",
            ".5",
            "+1",
            "[01]",
            "[1",
            "[1,]",
            "tru",
            "[-]",
        ] {
            assert_eq!(exact_value(text.as_bytes(), 0, 0), None, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(JSON_DEPTH_MAX), "]".repeat(JSON_DEPTH_MAX));
        assert_eq!(exact_value(deep.as_bytes(), 0, 0), Some(deep.len()));
        assert_eq!(exact_value(deep.as_bytes(), 0, 1), None);
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
