//! App names as people write them, brought to forms that can be compared.
//!
//! Three forms, each for one question. `compact`: is it the same name (`Click Up`, `click-up`, `ClickUp`)? `candidates`: what is left
//! when the decorations of an administrator are taken off (`Zoom (SAML) - Production`, `Zoom for Outlook`)? `skeletons`: does it *look*
//! the same (`Micros0ft`, `rnicrosoft`, `Ѕlack`)? Skeletons are those of UTS 39, with what it leaves out: ASCII pairs that read as one
//! letter, and digits that read as letters (<https://www.unicode.org/reports/tr39/#Confusable_Detection>).

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::decorations::strip_once;

/// Characters of a name that are looked at; what follows is ignored. Providers cut far below that.
const NAME_CHARS_MAX: usize = 256;

/// Is this character invisible, or does it turn the direction of writing? Such characters are only ever put into an app's name to deceive.
fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
        || letter.is_control() && !letter.is_whitespace()
}

/// NFKC, without what cannot be seen, cut at the limit.
fn visible(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).nfkc().filter(|letter| !is_hidden(*letter)).collect()
}

/// The words of a name in lower case: runs of letters and digits.
fn words(visible: &str) -> Vec<String> {
    let lower: String = visible.chars().flat_map(char::to_lowercase).nfkc().collect();
    lower
        .split(|letter: char| !letter.is_alphanumeric() && !is_combining_mark(letter))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The name in lower case without anything but letters and digits.
pub(crate) fn compact(name: &str) -> String {
    words(&visible(name)).concat()
}

/// The words of a name in lower case, without anything but letters and digits.
pub(crate) fn words_of(name: &str) -> Vec<String> {
    words(&visible(name))
}

/// Compact forms of a name, the whole first, then with fewer and fewer decorations.
pub(crate) fn candidates(name: &str) -> Vec<String> {
    let visible = visible(name);
    let mut found: Vec<String> = Vec::new();
    for part in [visible.as_str(), before_bracket(&visible), before_dash(before_bracket(&visible))] {
        let mut words = words(part);
        while !words.is_empty() {
            let form = words.concat();
            if !found.contains(&form) {
                found.push(form);
            }
            if !strip_once(&mut words) {
                break;
            }
        }
    }
    found
}

/// What stands before the first bracket, if anything does.
fn before_bracket(text: &str) -> &str {
    match text.split(['(', '[', '{']).next() {
        Some(part) if !part.trim().is_empty() => part,
        _ => text,
    }
}

/// What stands before the first dash or bar with spaces around it, if anything does.
fn before_dash(text: &str) -> &str {
    let at = [" - ", " – ", " — ", " | ", " / "].iter().filter_map(|mark| text.find(mark)).min();
    at.and_then(|at| text.get(..at)).filter(|part| !part.trim().is_empty()).unwrap_or(text)
}

/// What the name looks like: two skeletons, because a capital I looks like an l only as long as it is a capital.
pub(crate) fn skeletons(name: &str) -> [String; 2] {
    let visible = visible(name);
    let lower: String = visible.chars().flat_map(char::to_lowercase).collect();
    [fold(&lower), fold(&visible)]
}

/// The skeleton of UTS 39 in lower case, without accents; then ASCII pairs and digits folded; then letters and digits only.
fn fold(text: &str) -> String {
    let skeleton =
        unicode_security::skeleton(text).flat_map(char::to_lowercase).filter(|letter| !is_combining_mark(*letter));
    let letters: String = skeleton.map(letter_of_digit).filter(|letter| letter.is_alphanumeric()).collect();
    letters.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

/// The letter that a digit or sign reads as.
fn letter_of_digit(letter: char) -> char {
    match letter {
        '0' => 'o',
        '1' | '|' | '!' => 'l',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    }
}

/// The host of a name that is a domain or an address (`https://app.slack.com/…`, `Chorus.ai`); `None` where it is neither.
pub(crate) fn domain(name: &str) -> Option<String> {
    let lower = visible(name).trim().to_lowercase();
    let rest = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    let has_form = host.contains('.')
        && host
            .split('.')
            .all(|label| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    has_form.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_compact_form() {
        for name in
            ["ClickUp", "Click Up", "click-up", "CLICK_UP", "Cl\u{200b}ickUp", "Ｃｌｉｃｋ Ｕｐ", "\u{202e}ClickUp"]
        {
            assert_eq!(compact(name), "clickup", "{name}");
        }
    }

    #[test]
    fn decorations_of_an_administrator_come_off_one_by_one() {
        for name in [
            "Zoom (SAML)",
            "Zoom - Production",
            "Zoom for Outlook",
            "Zoom SSO [old]",
            "SAML Zoom",
            "Zoom for Google Workspace (SAML 2.0)",
        ] {
            assert!(candidates(name).contains(&"zoom".to_owned()), "{name}: {:?}", candidates(name));
        }
        assert_eq!(candidates("Test App"), ["testapp", "test"]);
        assert_eq!(candidates("SSO"), ["sso"]);
        assert!(candidates("").is_empty());
    }

    #[test]
    fn section_5_5_what_looks_the_same_has_the_same_skeleton() {
        let same = |a: &str, b: &str| skeletons(a).iter().any(|form| *form == skeletons(b)[0]);
        for (fake, real) in [
            ("Micros0ft Teams", "Microsoft Teams"),
            ("rnicrosoft", "Microsoft"),
            ("SIack", "Slack"),
            ("Ѕӏасk", "Slack"),
            ("S\u{200b}lack", "Slack"),
            ("Slàck", "Slack"),
            ("$lack", "Slack"),
            ("vvebex", "Webex"),
            ("Goog1e Drive", "Google Drive"),
            ("clocusign", "Docusign"),
        ] {
            assert!(same(fake, real), "{fake} {:?} {:?}", skeletons(fake), skeletons(real));
        }
        for (one, other) in [("Slack", "Slick"), ("Box", "Fox"), ("Zoom", "ZoomInfo")] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_domain_is_read_from_an_address() {
        assert_eq!(domain("https://www.notion.so/acme?x=1").as_deref(), Some("notion.so"));
        assert_eq!(domain("Chorus.ai").as_deref(), Some("chorus.ai"));
        assert_eq!(domain("Zoom Inc."), None);
        assert_eq!(domain("a..b"), None);
    }

    #[test]
    fn what_stands_behind_the_limit_of_a_name_is_not_looked_at() {
        let name = format!("Slack{}x", " ".repeat(NAME_CHARS_MAX));
        assert_eq!(compact(&name), "slack");
    }
}
