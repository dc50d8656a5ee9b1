//! Values of modified properties, which are JSON inside a text: `"\"False\""`, `"[true]"`, `"[\"guid\"]"`, or plain; and what a GUID is.

use std::borrow::Cow;

use super::wire::Target;
use crate::parse::fields::{List, Text, read_text};

/// Length of `00000000-0000-0000-0000-000000000000`.
const GUID_LENGTH: usize = 36;

/// The first value in a property's text, without its JSON.
pub(crate) fn scalar<'a>(text: &'a str) -> Cow<'a, str> {
    let text = text.trim();
    let read = match text.as_bytes().first() {
        Some(b'"') => read_text::<Text<'a>>(text).ok(),
        Some(b'[') => {
            read_text::<List<Text<'a>>>(text).ok().map(|list| list.items.into_iter().next().unwrap_or_default())
        }
        _ => None,
    };
    read.map_or(Cow::Borrowed(text), |value| value.0)
}

/// The new value of a modified property, wherever among the targets it stands; empty when there is none.
pub(crate) fn new_value<'a>(targets: &'a List<Target<'a>>, name: &str) -> Cow<'a, str> {
    modified(targets, name).map_or(Cow::Borrowed(""), |(_, new)| new)
}

/// Old and new value of a modified property.
pub(crate) fn modified<'a>(targets: &'a List<Target<'a>>, name: &str) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    let mut all = targets.iter().flat_map(|target| target.modified.iter());
    all.find(|property| property.name.eq_ignore_ascii_case(name))
        .map(|property| (scalar(&property.old), scalar(&property.new)))
}

/// The first element of a `;` list of names that is a bare GUID. The first element as such is a URL or `guid/host` nearly half the time.
pub(crate) fn first_guid<'t>(names: &'t str) -> Option<&'t str> {
    names.split(';').map(str::trim).find(|name: &&'t str| is_guid(name) && !is_zero_guid(name))
}

/// Is this a GUID and nothing more?
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == GUID_LENGTH
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Is this the GUID that stands for nothing?
pub(crate) fn is_zero_guid(text: &str) -> bool {
    is_guid(text) && text.bytes().all(|byte| matches!(byte, b'0' | b'-'))
}

/// The text, unless it is the GUID that stands for nothing.
pub(crate) fn unless_zero(text: &str) -> &str {
    if is_zero_guid(text) { "" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_be_json_in_a_text_or_plain() {
        for (text, expected) in [
            ("\"False\"", "False"),
            ("[true]", "true"),
            ("[\"a-guid\"]", "a-guid"),
            ("[\r\n  \"a-guid\"\r\n]", "a-guid"),
            ("plain", "plain"),
            ("\"a \\u003e b\"", "a > b"),
            ("[]", ""),
            ("", ""),
            ("\"broken", "\"broken"),
        ] {
            assert_eq!(scalar(text), expected, "{text}");
        }
    }

    #[test]
    fn a_guid_is_bare_and_not_zero() {
        let guid = "1b730954-1685-4b74-9bfd-dac224a7b894";
        let names = format!("https://x.example/;{guid}/host;{guid}");
        assert_eq!(first_guid(&names), Some(guid));
        assert_eq!(first_guid("https://x.example;Some.Name"), None);
        assert_eq!(first_guid("00000000-0000-0000-0000-000000000000"), None);
    }
}
