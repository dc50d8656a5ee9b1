//! Ways in which an element of a delivery is broken.
//!
//! Each is one that a correct parser must reject, for one reason that is beyond dispute, and each keeps brackets and quotes in
//! pairs (but for the cut line), so that the elements around it can still be found.

use crate::{apps::Provider, random::Random, writer::guid};

/// What is wrong with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformation {
    /// A word where a value should be; in newline-delimited deliveries, a line that was cut.
    BareWord,
    /// A comma too many.
    DoubleComma,
    /// No time at all.
    NoTime,
    /// No event type; of Google, no name of the log.
    NoType,
    /// A day that does not exist.
    ImpossibleDate,
    /// The event of another tenant (Okta's events do not name theirs).
    WrongTenant,
    /// JSON, and no event.
    NotAnEvent,
}

/// What can happen to an event of Okta.
const OF_OKTA: &[Malformation] = &[
    Malformation::BareWord,
    Malformation::DoubleComma,
    Malformation::NoTime,
    Malformation::NoType,
    Malformation::ImpossibleDate,
    Malformation::NotAnEvent,
];

/// What can happen to an event of Google and of the unified audit log.
const OF_OTHERS: &[Malformation] = &[
    Malformation::BareWord,
    Malformation::DoubleComma,
    Malformation::NoTime,
    Malformation::NoType,
    Malformation::ImpossibleDate,
    Malformation::WrongTenant,
    Malformation::NotAnEvent,
];

/// What can happen to an event of Entra.
const OF_ENTRA: &[Malformation] = &[
    Malformation::BareWord,
    Malformation::DoubleComma,
    Malformation::NoTime,
    Malformation::ImpossibleDate,
    Malformation::WrongTenant,
    Malformation::NotAnEvent,
];

/// The keys that hold a time, with their quotes; `time` is the envelope's in Entra, and the activity's in Google.
const TIME_KEYS: &[&str] =
    &["\"published\":", "\"time\":", "\"createdDateTime\":", "\"activityDateTime\":", "\"CreationTime\":"];
/// The keys without which nothing says what an element is, with their quotes.
const TYPE_KEYS: &[&str] = &["\"eventType\":", "\"applicationName\":", "\"Operation\":"];

impl Malformation {
    /// One of those that happen at this provider.
    pub(crate) fn draw(provider: Provider, random: &mut Random) -> Malformation {
        *random.pick(match provider {
            Provider::Okta => OF_OKTA,
            Provider::Entra => OF_ENTRA,
            Provider::GoogleWorkspace | Provider::M365Ual => OF_OTHERS,
        })
    }

    /// The reason of the dead letter.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Malformation::BareWord | Malformation::DoubleComma => "bad_json",
            Malformation::NoTime => "missing_field",
            Malformation::ImpossibleDate => "bad_time",
            Malformation::WrongTenant => "wrong_tenant",
            // Without a type, nothing says that it is an event at all.
            Malformation::NotAnEvent | Malformation::NoType => "not_an_event",
        }
    }

    /// Is what it leaves no JSON at all?
    pub(crate) const fn is_shapeless(self) -> bool {
        matches!(self, Malformation::BareWord | Malformation::DoubleComma)
    }

    /// Breaks the element that is all of `text`. `is_line`: newlines part the elements of this delivery.
    pub(crate) fn apply(self, text: &mut Vec<u8>, identity: u64, tenant: &str, is_line: bool) {
        match self {
            Malformation::BareWord if is_line => text.truncate(text.len() * 3 / 5),
            Malformation::BareWord => {
                replace(text, "\"severity\":\"INFO\"", "\"severity\":INFO");
                replace(text, "\"Level\":4", "\"Level\":four");
                replace(text, "\"callerType\":\"USER\"", "\"callerType\":USER");
                replace(text, "\"Version\":1", "\"Version\":one");
            }
            Malformation::DoubleComma => replace(text, ",", ",,"),
            Malformation::NoTime => TIME_KEYS.iter().for_each(|key| replace(text, key, "\"lost\":")),
            Malformation::NoType => TYPE_KEYS.iter().for_each(|key| replace(text, key, "\"lost\":")),
            Malformation::ImpossibleDate => TIME_KEYS.iter().for_each(|key| wreck_date(text, key)),
            Malformation::WrongTenant => {
                let foreign = guid(&mut Random::new(!identity));
                while find(text, tenant).is_some() {
                    replace(text, tenant, &foreign);
                }
            }
            Malformation::NotAnEvent => {
                text.clear();
                let note =
                    format!("\"forwarder: one event of batch {} was dropped\"", guid(&mut Random::new(!identity)));
                text.extend_from_slice(note.as_bytes());
            }
        }
    }
}

/// Where `needle` begins.
fn find(text: &[u8], needle: &str) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle.as_bytes())
}

/// Puts `other` where `needle` is first.
fn replace(text: &mut Vec<u8>, needle: &str, other: &str) {
    if let Some(at) = find(text, needle) {
        text.splice(at..at + needle.len(), other.bytes());
    }
}

/// Makes the day behind `key` the 31st of September.
fn wreck_date(text: &mut Vec<u8>, key: &str) {
    if let Some(at) = find(text, key) {
        // `"` and the four digits of the year and `-` stay.
        let month = at + key.len() + 6;
        text.splice(month..month + 5, "09-31".bytes());
    }
}
