//! Time as a number: milliseconds since 1970-01-01T00:00:00Z. Nothing here reads a clock.

use std::fmt;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970-01-01T00:00:00Z. The epoch itself is the sentinel for "not told".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Not told.
    pub const MISSING: Timestamp = Timestamp(0);

    /// Is this a time?
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// Days since 1970-01-01, counted down before it.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// Year and month (1 to 12) in UTC.
    #[must_use]
    pub const fn month(self) -> (i64, u8) {
        let (year, month, _) = civil(self.day());
        (year, month)
    }

    /// This time, `ms` milliseconds later; at the border of the number, the border.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; negative when it is later.
    #[must_use]
    pub const fn since_ms(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Timestamp {
    /// Reads back what `Display` prints, and nothing else: `2026-03-01T09:30:00.000Z`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let is_shape = text.len() == 24 && text.ends_with('Z');
        let number = |range: std::ops::Range<usize>| {
            let digits = text.get(range)?;
            if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse::<i64>().ok() } else { None }
        };
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let time_ms = ((number(11..13)? * 60 + number(14..16)?) * 60 + number(17..19)?) * 1_000 + number(20..23)?;
        let parsed = Timestamp(days_before(year, month, day) * DAY_MS + time_ms);
        // Printed again, it must be the same: no thirteenth month, no 31 September.
        (is_shape && parsed.to_string() == text).then_some(parsed)
    }
}

/// Prints RFC 3339 in UTC with milliseconds: `2026-03-01T09:30:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.day());
        let ms = self.0.rem_euclid(DAY_MS);
        let (hour, minute, second, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Year, month and day of a day number: Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>), exact for every day that a `Timestamp` can hold.
const fn civil(day: i64) -> (i64, u8, u8) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "month is 1 to 12 and day 1 to 31 by construction"
    )]
    (year, month as u8, day as u8)
}

/// The day number of a date: Howard Hinnant's `days_from_civil`.
const fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_prints_and_no_date_that_does_not_exist() {
        for ms in [0, 1_709_164_800_000, 1_735_689_599_999, 951_782_400_123, -1] {
            assert_eq!(Timestamp::parse(&Timestamp(ms).to_string()), Some(Timestamp(ms)));
        }
        for text in [
            "",
            "2026-09-31T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-01-01T00:00:00Z",
            "+026-01-01T00:00:00.000Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn prints_rfc_3339_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
    }

    #[test]
    fn a_month_begins_at_midnight_utc() {
        assert_eq!(Timestamp(1_709_251_199_999).month(), (2024, 2));
        assert_eq!(Timestamp(1_709_251_200_000).month(), (2024, 3));
    }
}
