//! The bytes of an event as such: its content without layout (for an id where the provider gives none), and a repaired copy where text
//! in it is no Unicode.

/// The bytes without white space between tokens: the same event, printed otherwise, has the same content.
pub(crate) fn without_layout(element: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(element.len());
    let (mut is_in_string, mut is_escaped) = (false, false);
    for byte in element {
        if is_in_string {
            is_in_string = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            continue;
        } else {
            is_in_string = *byte == b'"';
        }
        content.push(*byte);
    }
    content
}

/// A copy in which invalid UTF-8 and lone surrogates (`\ud83d` without its partner, as cut user agents end) are the replacement
/// character; `None` when there is nothing to repair.
pub(crate) fn repaired(element: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(element);
    let mut repaired = String::with_capacity(text.len());
    let mut is_changed = matches!(text, std::borrow::Cow::Owned(_));
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        let length = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                is_changed = true;
                repaired.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at_checked(length)?;
        repaired.push_str(kept);
        rest = after;
    }
    repaired.push_str(rest);
    is_changed.then_some(repaired)
}

/// The UTF-16 unit of an escape `\uXXXX` at the beginning of a text.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_stable_under_white_space_outside_text() {
        let expected = br#"{"a":"x \" y","b":[1,2]}"#;
        for text in [r#"{"a":"x \" y","b":[1,2]}"#, "{ \"a\" : \"x \\\" y\",\r\n\t\"b\": [ 1, 2 ] }\n"] {
            assert_eq!(without_layout(text.as_bytes()), expected, "{text}");
        }
        assert_ne!(without_layout(br#"{"a":"x  y"}"#), without_layout(br#"{"a":"x y"}"#));
    }

    #[test]
    fn lone_surrogates_and_bad_utf_8_are_replaced() {
        for (bytes, expected) in [
            (&br#"{"a":"\ud83d"}"#[..], Some(r#"{"a":"\ufffd"}"#)),
            (br#"{"a":"\ud83d\ude00"}"#, None),
            (br#"{"a":"\ude00\ud83dx"}"#, Some(r#"{"a":"\ufffd\ufffdx"}"#)),
            (br#"{"a":"\\ud83d"}"#, None),
            (b"{\"a\":\"\xff\"}", Some("{\"a\":\"\u{fffd}\"}")),
            (br#"{"a":"plain"}"#, None),
        ] {
            assert_eq!(repaired(bytes).as_deref(), expected);
        }
    }
}
