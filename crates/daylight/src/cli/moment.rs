//! A moment as people type it: a day, or a time of RFC 3339.

use event::Timestamp;

/// Reads `2026-03-01` (its beginning in UTC) or `2026-03-01T09:30:00Z`, with a fraction or another offset; milliseconds since 1970.
pub(super) fn moment(text: &str) -> Result<i64, String> {
    let day = Timestamp::parse(&format!("{text}T00:00:00.000Z"));
    let found = day.or_else(|| time(text)).filter(|at| at.0 > 0);
    found.map(|at| at.0).ok_or_else(|| "write a day as 2026-03-01, or a time as 2026-03-01T09:30:00Z".to_owned())
}

fn time(text: &str) -> Option<Timestamp> {
    let (clock, rest) = text.split_at_checked(19)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?,
    };
    if rest.starts_with('.') && fraction.is_empty() {
        return None;
    }
    let milli: String = fraction.chars().chain("000".chars()).take(3).collect();
    let at = Timestamp::parse(&format!("{}.{milli}Z", clock.replacen('t', "T", 1)))?;
    let offset_ms = match zone {
        "Z" | "z" => 0,
        _ => {
            let (sign, clock) = (zone.get(..1)?, zone.get(1..)?);
            // An offset is a time of the first day.
            let offset = Timestamp::parse(&format!("1970-01-01T{clock}:00.000Z"))?;
            match sign {
                "+" => offset.0,
                "-" => -offset.0,
                _ => return None,
            }
        }
    };
    Some(at.plus_ms(-offset_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_every_form_of_rfc_3339_is_read_and_nothing_else() {
        for (text, expected) in [
            ("2026-03-01", "2026-03-01T00:00:00.000Z"),
            ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00.000Z"),
            ("2026-03-01t09:30:00z", "2026-03-01T09:30:00.000Z"),
            ("2026-03-01T09:30:00.5Z", "2026-03-01T09:30:00.500Z"),
            ("2026-03-01T09:30:00.123456Z", "2026-03-01T09:30:00.123Z"),
            ("2026-03-01T09:30:00+02:00", "2026-03-01T07:30:00.000Z"),
            ("2026-03-01T09:30:00.25-05:30", "2026-03-01T15:00:00.250Z"),
        ] {
            assert_eq!(moment(text).map(|ms| Timestamp(ms).to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-3-1",
            "2026-02-30",
            "2026-03-01T09:30:00",
            "2026-03-01T09:30Z",
            "2026-03-01T25:30:00Z",
            "2026-03-01T09:30:00.Z",
            "2026-03-01T09:30:00+2",
            "2026-03-01T09:30:00*02:00",
            "1960-01-01",
            "2026-03-01T09:30:00ü",
        ] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
