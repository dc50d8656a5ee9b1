//! Times as an export writes them: the forms that every provider's are read in, a count since 1970, or a pattern of letters.
//!
//! A pattern is needed where two readings are possible: 03/04/2026 is in March or in April, and only who exports it knows.

use event::Timestamp;

use crate::parse::time::{self, ReadTime, fraction, moment, number};

/// Most bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 64;
/// Last millisecond of the year 9999.
const TIMESTAMP_MS_MAX: i64 = 253_402_300_799_999;
/// Two digits of a year below this one are of this century.
const CENTURY_BORDER: i64 = 70;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// What the format may be, for the error.
pub(super) const FORMATS: &str =
    "`any`, `epoch_s`, `epoch_ms`, `epoch_us`, or a pattern of %Y %y %m %b %d %H %I %p %M %S, such as `%d.%m.%Y %H:%M`";

/// How times are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TimeFormat {
    /// What `time::read` reads: RFC 3339 and its relatives, seconds or milliseconds since 1970.
    Any,
    /// A count since 1970, of so many in a millisecond (1), or milliseconds in one (1,000).
    Epoch { ms_each: i64, per_ms: i64 },
    /// Letters and directives.
    Pattern(Box<[Part]>),
}

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Letter(u8),
    Year,
    YearOfCentury,
    Month,
    MonthName,
    Day,
    Hour,
    HourOfHalf,
    Half,
    Minute,
    Second,
}

impl TimeFormat {
    /// Reads a format; `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<TimeFormat> {
        match text {
            "any" => Some(TimeFormat::Any),
            "epoch_s" => Some(TimeFormat::Epoch { ms_each: 1_000, per_ms: 1 }),
            "epoch_ms" => Some(TimeFormat::Epoch { ms_each: 1, per_ms: 1 }),
            "epoch_us" => Some(TimeFormat::Epoch { ms_each: 1, per_ms: 1_000 }),
            _ if text.len() <= PATTERN_BYTES_MAX => pattern(text).map(TimeFormat::Pattern),
            _ => None,
        }
    }

    /// Reads a time. `zone_minutes`: where it says none itself.
    pub(super) fn read(&self, text: &str, zone_minutes: Option<i64>) -> Option<ReadTime> {
        let read = match self {
            TimeFormat::Any => time::read(text)?,
            TimeFormat::Epoch { ms_each, per_ms } => {
                ReadTime { at: epoch(text, *ms_each, *per_ms)?, is_zone_missing: false }
            }
            TimeFormat::Pattern(parts) => ReadTime { at: by_pattern(parts, text.trim())?, is_zone_missing: true },
        };
        let read = match zone_minutes {
            Some(minutes) if read.is_zone_missing => {
                ReadTime { at: read.at.plus_ms(-minutes * 60_000), is_zone_missing: false }
            }
            _ => read,
        };
        (read.at.0 > 0 && read.at.0 <= TIMESTAMP_MS_MAX).then_some(read)
    }
}

fn epoch(text: &str, ms_each: i64, per_ms: i64) -> Option<Timestamp> {
    // 17 digits of a thousandth of a second each are beyond the year 5000, and fit.
    let (whole, rest) = number(text.trim().as_bytes(), 1, 17)?;
    let (milli, rest) = fraction(rest)?;
    let milli = if ms_each == 1_000 { milli } else { 0 };
    let ms = whole.checked_mul(ms_each)?.checked_add(milli)? / per_ms;
    rest.is_empty().then_some(Timestamp(ms))
}

fn pattern(text: &str) -> Option<Box<[Part]>> {
    let mut parts = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        parts.push(match byte {
            b'%' => match bytes.next()? {
                b'Y' => Part::Year,
                b'y' => Part::YearOfCentury,
                b'm' => Part::Month,
                b'b' => Part::MonthName,
                b'd' => Part::Day,
                b'H' => Part::Hour,
                b'I' => Part::HourOfHalf,
                b'p' => Part::Half,
                b'M' => Part::Minute,
                b'S' => Part::Second,
                b'%' => Part::Letter(b'%'),
                _ => return None,
            },
            byte => Part::Letter(byte),
        });
    }
    let has = |one_of: &[Part]| parts.iter().filter(|part| one_of.contains(part)).count() == 1;
    let is_date = has(&[Part::Year, Part::YearOfCentury]) && has(&[Part::Month, Part::MonthName]) && has(&[Part::Day]);
    // An hour of half a day without its half, or the other way round, says no time.
    let is_clock = has(&[Part::HourOfHalf]) == has(&[Part::Half]);
    (is_date && is_clock).then(|| parts.into_boxed_slice())
}

fn by_pattern(parts: &[Part], text: &str) -> Option<Timestamp> {
    let (mut date, mut clock, mut is_afternoon) = ([0, 0, 0], [0, 0, 0], None);
    let mut rest = text.as_bytes();
    for part in parts {
        let (place, (value, after)) = match part {
            Part::Letter(letter) => {
                rest = rest.strip_prefix(&[*letter])?;
                continue;
            }
            Part::Half => {
                let (half, after) = rest.split_at_checked(2)?;
                is_afternoon = Some(match half {
                    [b'a' | b'A', b'm' | b'M'] => false,
                    [b'p' | b'P', b'm' | b'M'] => true,
                    _ => return None,
                });
                rest = after;
                continue;
            }
            Part::Year => (&mut date[0], number(rest, 4, 4)?),
            Part::YearOfCentury => {
                let (year, after) = number(rest, 2, 2)?;
                (&mut date[0], (year + if year < CENTURY_BORDER { 2_000 } else { 1_900 }, after))
            }
            Part::Month => (&mut date[1], number(rest, 1, 2)?),
            Part::MonthName => (&mut date[1], month(rest)?),
            Part::Day => (&mut date[2], number(rest, 1, 2)?),
            Part::Hour | Part::HourOfHalf => (&mut clock[0], number(rest, 1, 2)?),
            Part::Minute => (&mut clock[1], number(rest, 2, 2)?),
            Part::Second => (&mut clock[2], number(rest, 2, 2)?),
        };
        (*place, rest) = (value, after);
    }
    if let Some(is_afternoon) = is_afternoon {
        let [hour, ..] = &mut clock;
        if !(1..=12).contains(hour) {
            return None;
        }
        *hour = *hour % 12 + if is_afternoon { 12 } else { 0 };
    }
    if rest.is_empty() { moment(date, clock) } else { None }
}

/// The number of a month's English name, short or whole.
fn month(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, rest) = bytes.split_at_checked(letters)?;
    let short = name.get(..3)?;
    let index = MONTHS.iter().position(|month| short.eq_ignore_ascii_case(month.as_bytes()))?;
    Some((i64::try_from(index).ok()? + 1, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_its_declared_format_and_in_no_other() {
        for (format, text, expected) in [
            ("any", "2026-03-01T09:30:00Z", Some("2026-03-01T09:30:00.000Z")),
            ("any", "2026-03-01 09:30:00", Some("2026-03-01T08:30:00.000Z")),
            ("epoch_s", "1772357400.25", Some("2026-03-01T09:30:00.250Z")),
            ("epoch_ms", "1772357400250", Some("2026-03-01T09:30:00.250Z")),
            ("epoch_us", "1772357400250000", Some("2026-03-01T09:30:00.250Z")),
            ("%d.%m.%Y %H:%M", "1.3.2026 10:30", Some("2026-03-01T09:30:00.000Z")),
            ("%m/%d/%y", "03/01/26", Some("2026-02-28T23:00:00.000Z")),
            ("%d %b %Y, %I:%M:%S %p", "01 March 2026, 12:05:09 pm", Some("2026-03-01T11:05:09.000Z")),
            ("%d %b %Y, %I:%M %p", "01 MAR 2026, 12:05 AM", Some("2026-02-28T23:05:00.000Z")),
            ("%m/%d/%Y", "2026-03-01", None),
            ("%m/%d/%Y", "13/01/2026", None),
            ("%m/%d/%Y", "02/30/2026", None),
            ("%m/%d/%Y", "03/01/2026 10:00", None),
            ("%d %b %Y, %I:%M %p", "01 Mar 2026, 13:05 PM", None),
            ("epoch_s", "yesterday", None),
            ("epoch_s", "99999999999999999", None),
        ] {
            let read = TimeFormat::parse(format).unwrap().read(text, Some(60));
            assert_eq!(read.map(|read| read.at.to_string()).as_deref(), expected, "{format} {text}");
            assert!(read.is_none_or(|read| !read.is_zone_missing));
        }
        assert!(TimeFormat::parse("%d.%m.%Y").unwrap().read("1.3.2026", None).unwrap().is_zone_missing);
    }

    #[test]
    fn a_format_that_is_none_is_told() {
        for format in ["", "iso", "%Y-%m", "%Y-%m-%q", "%Y-%m-%d %", "%Y-%m-%d %I:%M", "%Y %y %m %d"] {
            assert_eq!(TimeFormat::parse(format), None, "{format}");
        }
        assert_eq!(TimeFormat::parse(&"%Y%m%d".repeat(11)), None);
    }
}
