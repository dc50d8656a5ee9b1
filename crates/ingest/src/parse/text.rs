//! What is done to text before it is kept: cut at a limit, composed (NFC), and asked whether it is an e-mail address.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Most bytes of one text field of an event; longer ones are cut and flagged.
pub(crate) const TEXT_BYTES_MAX: usize = 1_024;

/// Longest e-mail address (RFC 5321, section 4.5.3.1.3).
const EMAIL_BYTES_MAX: usize = 254;

/// Cuts at `TEXT_BYTES_MAX`, on a character's border, and says so in `is_cut`.
pub(crate) fn cut<'a>(text: &'a str, is_cut: &mut bool) -> &'a str {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    *is_cut = true;
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

/// Names and places in composed form (formats.md, section 5, rule 5), so that one name is one text in every table.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// Does the text look like an e-mail address? Narrow on purpose: on a failed login the text is whatever somebody typed, and a password
/// that passes for an address would be stored.
pub(crate) fn is_email_like(text: &str) -> bool {
    if text.is_ascii() { is_ascii_email_like(text.as_bytes()) } else { is_any_email_like(text) }
}

/// The same of ASCII, byte by byte, as nearly all of them are.
fn is_ascii_email_like(text: &[u8]) -> bool {
    let Some(at) = text.iter().rposition(|byte| *byte == b'@') else { return false };
    let (Some(local), Some(domain)) = (text.get(..at), text.get(at + 1..)) else { return false };
    let is_of_local = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'#' | b'\'' | b'~' | b'=')
    };
    let is_of_domain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let is_label = |label: &[u8]| label.iter().all(is_of_domain) && !matches!(label, [] | [b'-', ..] | [.., b'-']);
    let is_top = |label: &[u8]| {
        let is_word = label.len() >= 2 && label.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
        is_word || label.starts_with(b"xn--")
    };
    text.len() <= EMAIL_BYTES_MAX
        && !local.is_empty()
        && local.iter().all(is_of_local)
        && domain.contains(&b'.')
        && domain.split(|byte| *byte == b'.').all(is_label)
        && domain.rsplit(|byte| *byte == b'.').next().is_some_and(is_top)
}

fn is_any_email_like(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_local = !local.is_empty()
        && local.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '#' | '\'' | '~' | '='));
    let mut labels = domain.split('.');
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let is_top = |label: &str| label.chars().count() >= 2 && label.chars().all(|c| c.is_alphabetic() || c == '-');
    text.len() <= EMAIL_BYTES_MAX
        && is_local
        && domain.contains('.')
        && labels.clone().all(is_label)
        && labels.next_back().is_some_and(|top| is_top(top) || top.starts_with("xn--"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_email_address_is_told_from_a_password() {
        for text in [
            "ann@example.com",
            "Ann.O'Hara+x@mail.example.co.uk",
            "ann_acme.com#EXT#@tenant.onmicrosoft.com",
            "zoë@bücher.example",
        ] {
            assert!(is_email_like(text), "{text}");
        }
        for text in [
            "ann",
            "hunter2",
            "P@ssw0rd",
            "P@ss.w0rd!",
            "a b@example.com",
            "@example.com",
            "ann@",
            "ann@example",
            "x!y@example.com",
            "p@55.99",
            "",
        ] {
            assert!(!is_email_like(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_of_ascii_is_told_as_any_other(text in "[a-zA-Z0-9.@_+#'~= !-]{0,24}", top in "(\\.|@|com|xn--1|-)?") {
            for text in [text.clone(), format!("{text}{top}"), format!("a.b@{text}.{top}")] {
                prop_assert_eq!(is_email_like(&text), is_any_email_like(&text), "{}", text);
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_on_a_characters_border() {
        let mut is_cut = false;
        assert_eq!(cut("short", &mut is_cut), "short");
        assert!(!is_cut);
        let long = "ä".repeat(TEXT_BYTES_MAX);
        assert_eq!(cut(&long, &mut is_cut).len(), TEXT_BYTES_MAX);
        assert!(is_cut);
        let odd = format!("a{long}");
        assert_eq!(cut(&odd, &mut is_cut).len(), TEXT_BYTES_MAX - 1);
    }

    #[test]
    fn section_5_5_names_are_composed() {
        assert_eq!(composed("Cafe\u{301}"), "Café");
        assert!(matches!(composed("Café"), Cow::Borrowed(_)));
    }
}
