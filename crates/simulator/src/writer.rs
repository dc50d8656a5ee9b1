//! Writes JSON text straight into the body of a delivery.
//!
//! Half a million events of two kilobytes go through here; a tree of values for each would cost more than everything else together.

use crate::{
    clock::{DAY_MS, civil},
    random::Random,
};

/// The digits of Okta's ids.
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Appends to a body.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    /// Text as it is: JSON that the caller wrote.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Text inside quotes that the caller wrote, escaped.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '"' | '\\' => self.raw("\\"),
                _ => self,
            }
            .character(character);
        }
        self
    }

    /// A whole number.
    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        if number < 0 {
            self.0.push(b'-');
        }
        self.digits(number.unsigned_abs(), 1)
    }

    /// A UUID of random bits, marked as version 4.
    pub(crate) fn guid(&mut self, random: &mut Random) -> &mut Self {
        let text = guid(random);
        self.raw(&text)
    }

    /// `2026-03-01T09:30:00.123`, from milliseconds since 1970; the caller adds more digits and the zone.
    pub(crate) fn time(&mut self, at_ms: i64) -> &mut Self {
        let (year, month, day) = civil(at_ms.div_euclid(DAY_MS));
        let ms = at_ms.rem_euclid(DAY_MS).unsigned_abs();
        self.digits(year.unsigned_abs(), 4).raw("-").digits(month.unsigned_abs(), 2).raw("-");
        self.digits(day.unsigned_abs(), 2).raw("T").digits(ms / 3_600_000, 2).raw(":").digits(ms / 60_000 % 60, 2);
        self.raw(":").digits(ms / 1_000 % 60, 2).raw(".").digits(ms % 1_000, 3)
    }

    /// `2026-03-01T09:30:00`, from milliseconds since 1970.
    pub(crate) fn second(&mut self, at_ms: i64) -> &mut Self {
        self.time(at_ms);
        self.0.truncate(self.0.len().saturating_sub(".000".len()));
        self
    }

    fn character(&mut self, character: char) -> &mut Self {
        let mut bytes = [0; 4];
        self.raw(character.encode_utf8(&mut bytes))
    }

    fn digits(&mut self, number: u64, width: u32) -> &mut Self {
        if number >= 10 || width > 1 {
            self.digits(number / 10, width.saturating_sub(1));
        }
        self.0.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
        self
    }
}

/// A UUID of random bits, marked as version 4.
pub(crate) fn guid(random: &mut Random) -> String {
    let bits = (u128::from(random.next()) << 64) | u128::from(random.next());
    let bits = bits & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        bits >> 96,
        bits >> 80 & 0xFFFF,
        bits >> 64 & 0xFFFF,
        bits >> 48 & 0xFFFF,
        bits & 0xFFFF_FFFF_FFFF
    )
}

/// An id as Okta makes them: a prefix that tells the type, then digits and letters to 20 characters.
pub(crate) fn okta_id(prefix: &str, random: &mut Random) -> String {
    let mut id = prefix.to_owned();
    while id.len() < 20 {
        id.push(char::from(*random.pick(BASE_62)));
    }
    id
}

/// A client id as Google makes them: the number of a project, a dash, and 32 digits and small letters.
pub(crate) fn google_client_id(random: &mut Random) -> String {
    let mut id = format!("{}-", random.between(100_000_000_000, 999_999_999_999));
    for _ in 0..32 {
        id.push(char::from(random.pick(BASE_62).to_ascii_lowercase()));
    }
    id + ".apps.googleusercontent.com"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json() {
        let mut out = Vec::new();
        let mut writer = Writer(&mut out);
        writer.raw("[\"").text("a \"b\" \\ ü").raw("\",").number(-120).raw(",\"").time(1_772_357_400_007).raw("Z\"]");
        assert_eq!(String::from_utf8_lossy(&out), r#"["a \"b\" \\ ü",-120,"2026-03-01T09:30:00.007Z"]"#);
        assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
    }

    #[test]
    fn ids_look_like_their_providers() {
        let id = guid(&mut Random::new(3));
        assert_eq!((id.len(), id.as_bytes()[14], id.matches('-').count()), (36, b'4', 4));
        assert_eq!(okta_id("0oa", &mut Random::new(3)).len(), 20);
    }
}
