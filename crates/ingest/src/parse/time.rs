//! Reads the times that providers write (formats.md, section 5, rule 6).
//!
//! By hand and not with a calendar crate: one fixed shape, a million times a second, and leniencies that no general parser has: a
//! blank for the `T`, an hour with one digit, any number of fractional digits, no zone (which means UTC), seconds or milliseconds
//! since 1970 as number or text. What is not lenient: a date that does not exist is no time.

use event::Timestamp;

/// From this number on, a count since 1970 is in milliseconds: as seconds it would be the year 5138.
const EPOCH_MS_MIN: i64 = 100_000_000_000;
/// Last millisecond of the year 9999.
const TIMESTAMP_MS_MAX: i64 = 253_402_300_799_999;

/// A time, and what was missing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadTime {
    /// The time.
    pub(crate) at: Timestamp,
    /// Was there no zone, so that UTC was taken?
    pub(crate) is_zone_missing: bool,
}

/// Reads a time; `None` when it is none, does not exist, or lies outside 1970 to 9999.
pub(crate) fn read(text: &str) -> Option<ReadTime> {
    let bytes = text.trim().as_bytes();
    if bytes.get(4) == Some(&b'-') { calendar(bytes) } else { epoch(bytes) }.filter(|read| {
        let ms = read.at.0;
        ms > 0 && ms <= TIMESTAMP_MS_MAX
    })
}

/// `1613000000`, `1613000000.123`, `1613000000123`.
fn epoch(bytes: &[u8]) -> Option<ReadTime> {
    let (whole, rest) = number(bytes, 1, 15)?;
    let (milli, rest) = fraction(rest)?;
    let ms = if whole >= EPOCH_MS_MIN { whole } else { whole * 1_000 + milli };
    rest.is_empty().then_some(ReadTime { at: Timestamp(ms), is_zone_missing: false })
}

/// `2026-03-01T09:30:00.1234567Z` and its relatives.
fn calendar(bytes: &[u8]) -> Option<ReadTime> {
    let (year, rest) = number(bytes, 4, 4)?;
    let (month, rest) = number(after(rest, b"-")?, 1, 2)?;
    let (day, rest) = number(after(rest, b"-")?, 1, 2)?;
    let (hour, rest) = number(after(rest, b"Tt ")?, 1, 2)?;
    let (minute, rest) = number(after(rest, b":")?, 2, 2)?;
    let (second, rest) = match after(rest, b":") {
        Some(rest) => number(rest, 2, 2)?,
        None => (0, rest),
    };
    let (milli, rest) = fraction(rest)?;
    let (zone_minutes, is_zone_missing) = zone(rest)?;
    let at = moment([year, month, day], [hour, minute, second])?.plus_ms(milli - zone_minutes * 60_000);
    Some(ReadTime { at, is_zone_missing })
}

/// The moment of a date (year, month, day) and a clock (hour, minute, second) in UTC; `None` where either does not exist.
pub(crate) fn moment([year, month, day]: [i64; 3], [hour, minute, second]: [i64; 3]) -> Option<Timestamp> {
    // A leap second is read as the last moment of its minute's successor: 23:59:60 is 00:00:00.
    let is_clock = hour <= 23 && minute <= 59 && second <= 60;
    if !is_clock || day < 1 || day > days_in(year, month)? {
        return None;
    }
    let minutes = (day_number(year, month, day) * 24 + hour) * 60 + minute;
    Some(Timestamp((minutes * 60 + second) * 1_000))
}

/// Digits as a number: at least `min`, at most `max` of them.
pub(crate) fn number(bytes: &[u8], min: usize, max: usize) -> Option<(i64, &[u8])> {
    let digits = bytes.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = (digits >= min).then(|| bytes.split_at_checked(digits)).flatten()?;
    Some((digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')), rest))
}

/// The rest behind one of these bytes.
fn after<'a>(bytes: &'a [u8], one_of: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_first()?;
    one_of.contains(first).then_some(rest)
}

/// Milliseconds of `.123…`, of any length; 0 where there is none.
pub(crate) fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = after(bytes, b".,") else { return Some((0, bytes)) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = (digits > 0).then(|| rest.split_at_checked(digits)).flatten()?;
    let ms = (0..3).fold(0, |sum, at| sum * 10 + digits.get(at).map_or(0, |digit| i64::from(digit - b'0')));
    Some((ms, rest))
}

/// Minutes east of UTC, and whether nothing was told.
pub(crate) fn zone(bytes: &[u8]) -> Option<(i64, bool)> {
    let bytes = bytes.trim_ascii_start();
    let (sign, rest) = match bytes {
        [] => return Some((0, true)),
        [b'Z' | b'z'] | b"UTC" => return Some((0, false)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2, 2)?;
    let rest = after(rest, b":").unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { number(rest, 2, 2)? };
    (rest.is_empty() && hours <= 18 && minutes <= 59).then_some((sign * (hours * 60 + minutes), false))
}

const fn days_in(year: i64, month: i64) -> Option<i64> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

/// Days since 1970-01-01: Howard Hinnant's `days_from_civil` (<https://howardhinnant.github.io/date_algorithms.html>).
const fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        read(text).map_or_else(|| "none".to_owned(), |read| read.at.to_string())
    }

    #[test]
    fn section_5_6_every_spelling_of_a_time_is_read() {
        for (text, expected) in [
            ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00.000Z"),
            ("2026-03-01T09:30:00.123Z", "2026-03-01T09:30:00.123Z"),
            ("2026-03-01T09:30:00.123456Z", "2026-03-01T09:30:00.123Z"),
            ("2026-03-01T09:30:00.1234567+00:00", "2026-03-01T09:30:00.123Z"),
            ("2026-03-01T09:30:00.123456789Z", "2026-03-01T09:30:00.123Z"),
            ("2026-03-01 09:30:00.123", "2026-03-01T09:30:00.123Z"),
            ("2026-03-01 09:30:00.123000000", "2026-03-01T09:30:00.123Z"),
            ("2026-03-01T09:30:00", "2026-03-01T09:30:00.000Z"),
            ("2026-03-01T11:30:00+02:00", "2026-03-01T09:30:00.000Z"),
            ("2026-03-01T04:00:00-0530", "2026-03-01T09:30:00.000Z"),
            ("1772357400", "2026-03-01T09:30:00.000Z"),
            ("1772357400.5", "2026-03-01T09:30:00.500Z"),
            ("1772357400123", "2026-03-01T09:30:00.123Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(check(text), expected, "{text}");
        }
        assert!(read("2026-03-01T09:30:00").unwrap().is_zone_missing);
        assert!(!read("2026-03-01T09:30:00Z").unwrap().is_zone_missing);
    }

    #[test]
    fn section_6_a_date_that_does_not_exist_is_rejected() {
        for text in ["2025-09-31T05:00:00Z", "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-00-10T00:00:00Z"] {
            assert_eq!(check(text), "none", "{text}");
        }
    }

    #[test]
    fn section_6_an_hour_with_one_digit_is_accepted() {
        assert_eq!(check("2025-09-30T5:32:08Z"), "2025-09-30T05:32:08.000Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "redacted",
            "null",
            "2026-03-01",
            "2026-03-01T25:00:00Z",
            "2026-03-01T09:61:00Z",
            "12x",
            "0",
            "-5",
            "0001-01-01T00:00:00Z",
            "2026-03-01T09:30:00+99:00",
            "2026-03-01T09:30:00.Z",
            "99999999999999999",
        ] {
            assert_eq!(check(text), "none", "{text}");
        }
    }

    #[test]
    fn reading_is_the_inverse_of_printing() {
        for ms in [1, 951_782_400_000, 1_709_164_800_000, 4_107_542_399_999, 253_402_300_799_999] {
            assert_eq!(read(&Timestamp(ms).to_string()).unwrap().at, Timestamp(ms));
        }
    }
}
