//! The company's own calendar.
//!
//! Working days and hours hang on the distance from the anchor, never on the date: whenever a run is started, its anchor is a
//! Wednesday afternoon in the company's calendar. So the same seed gives the same events, moved in time, and the checksums of two
//! runs can be compared. Time zones are fixed offsets: a company without summer time is good enough here.

/// Milliseconds in a minute.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// Milliseconds in an hour.
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in a day.
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// Minutes in a day.
const DAY_MINUTES: i64 = 1_440;
/// The anchor in minutes since Monday, 00:00 in UTC: Wednesday, 15:00.
const ANCHOR_MINUTE_OF_WEEK: i64 = 2 * DAY_MINUTES + 15 * 60;

/// The moment of one slot of 24 hours at which local clocks show `local_minute`.
///
/// `slot` counts days back from the anchor: −1 is the last one of history. Answers milliseconds from the anchor (negative), and
/// whether that is a Saturday or Sunday where the clock hangs.
pub(crate) fn moment_in_slot(slot: i64, local_minute: i64, zone_minutes: i64) -> (i64, bool) {
    let begin = slot * DAY_MINUTES;
    let begin_local = (ANCHOR_MINUTE_OF_WEEK + begin + zone_minutes).rem_euclid(DAY_MINUTES);
    let minute = begin + (local_minute - begin_local).rem_euclid(DAY_MINUTES);
    (minute * MINUTE_MS, is_weekend(minute, zone_minutes))
}

/// Is it Saturday or Sunday, so many minutes from the anchor?
fn is_weekend(minute: i64, zone_minutes: i64) -> bool {
    (ANCHOR_MINUTE_OF_WEEK + minute + zone_minutes).rem_euclid(7 * DAY_MINUTES) >= 5 * DAY_MINUTES
}

/// Year, month and day of a day since 1970-01-01: Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
pub(crate) const fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * month_index + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (day, date) in [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (20_513, (2026, 3, 1)), (-1, (1969, 12, 31))] {
            assert_eq!(civil(day), date);
        }
    }

    #[test]
    fn a_moment_lies_in_its_slot_and_the_anchor_is_a_wednesday() {
        for slot in -30..0 {
            for minute in [0, 540, 1_439] {
                let (moment, _) = moment_in_slot(slot, minute, 330);
                assert!((slot * DAY_MS..(slot + 1) * DAY_MS).contains(&moment));
            }
        }
        // The slot that ends on Wednesday 15:00 holds Wednesday noon; three days before is a Sunday, five a Friday.
        assert_eq!(moment_in_slot(-1, 720, 0), (-3 * HOUR_MS, false));
        assert!(moment_in_slot(-4, 720, 0).1);
        assert!(!moment_in_slot(-6, 720, 0).1);
    }
}
