//! The plan: which ranges of a partition are on their way, written beside the committed offset before anything is sent.
//!
//! `1 LOGID [<BELOW] START-END:ROWS:CRC START-END:ROWS:CRC …`, offsets and rows decimal, log id and checksum hexadecimal. `END` is one past the
//! last offset. `BELOW` stands there as long as records before that offset may be stored under tokens that nobody knows any more. Kafka keeps 4,096 bytes of metadata; a plan of the largest numbers with 16 ranges has less than half of that.

use std::fmt::Write;

use event::LogId;

/// Ranges that a plan may hold.
pub(crate) const RANGES_MAX: usize = 16;
const VERSION: &str = "1";

/// One sealed batch: offsets `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its first offset.
    pub(crate) start: u64,
    /// One past its last offset.
    pub(crate) end: u64,
    /// Rows in it.
    pub(crate) rows: u64,
    /// Checksum over coordinates and event ids of its rows, in order.
    pub(crate) checksum: u64,
}

/// What is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Of which log. Another log's plan means nothing here.
    pub(crate) log_id: LogId,
    /// Records before this offset may be in the table, in batches of which no plan tells: the offset was lost, or moved by an operator.
    pub(crate) stored_below: Option<u64>,
    /// The ranges, consecutive.
    pub(crate) ranges: Vec<Range>,
}

/// A plan that cannot be read: written by another version, or not by us.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the commit metadata is not a plan of version {VERSION}: {flaw}; deploy the version that wrote it")]
pub(crate) struct BadPlan {
    flaw: &'static str,
}

impl BadPlan {
    pub(crate) const fn new(flaw: &'static str) -> BadPlan {
        BadPlan { flaw }
    }
}

impl Plan {
    /// The plan as commit metadata.
    pub(crate) fn to_metadata(&self) -> String {
        let mut text = format!("{VERSION} {}", self.log_id);
        if let Some(below) = self.stored_below {
            let _ = write!(text, " <{below}");
        }
        // Writing to a String cannot fail.
        for Range { start, end, rows, checksum } in &self.ranges {
            let _ = write!(text, " {start}-{end}:{rows}:{checksum:x}");
        }
        text
    }

    /// Reads commit metadata. Empty metadata is no plan.
    pub(crate) fn parse(metadata: &str) -> Result<Option<Plan>, BadPlan> {
        let mut words = metadata.split(' ').filter(|word| !word.is_empty());
        let Some(version) = words.next() else { return Ok(None) };
        if version != VERSION {
            return Err(BadPlan { flaw: "another version" });
        }
        let log_id = words.next().and_then(LogId::parse).ok_or(BadPlan { flaw: "no log id" })?;
        let mut words = words.peekable();
        let below = words.next_if(|word| word.starts_with('<')).map(|word| number(word.trim_start_matches('<')));
        let stored_below = match below {
            Some(None) => return Err(BadPlan { flaw: "an offset that cannot be read" }),
            Some(below) => below,
            None => None,
        };
        let mut ranges: Vec<Range> = Vec::new();
        for word in words {
            let range = parse_range(word).ok_or(BadPlan { flaw: "a range that cannot be read" })?;
            let is_next = ranges.last().is_none_or(|last| last.end <= range.start);
            if !is_next || range.start >= range.end || ranges.len() == RANGES_MAX {
                return Err(BadPlan { flaw: "ranges that do not follow each other" });
            }
            ranges.push(range);
        }
        Ok(Some(Plan { log_id, stored_below, ranges }))
    }
}

fn parse_range(word: &str) -> Option<Range> {
    let (offsets, rest) = word.split_once(':')?;
    let (start, end) = offsets.split_once('-')?;
    let (rows, checksum) = rest.split_once(':')?;
    Some(Range {
        start: number(start)?,
        end: number(end)?,
        rows: number(rows)?,
        checksum: u64::from_str_radix(checksum, 16).ok()?,
    })
}

/// Digits and nothing else: no sign, no space.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(ranges: &[Range]) -> Plan {
        Plan { log_id: LogId(7), stored_below: None, ranges: ranges.to_vec() }
    }

    #[test]
    fn a_plan_comes_back_from_its_metadata() {
        let one = Range { start: 10, end: 20, rows: 1_000, checksum: 0xabc };
        let two = Range { start: 20, end: 21, rows: 0, checksum: 0 };
        let below = |ranges: &[Range]| Plan { stored_below: Some(15), ..plan(ranges) };
        for plan in [plan(&[]), plan(&[one]), plan(&[one, two]), below(&[]), below(&[one, two])] {
            assert_eq!(Plan::parse(&plan.to_metadata()), Ok(Some(plan)));
        }
        assert_eq!(Plan::parse(""), Ok(None));
    }

    #[test]
    fn the_largest_plan_fits_the_metadata() {
        let largest = |index: u64| Range {
            start: u64::MAX - 40 + index,
            end: u64::MAX - 39 + index,
            rows: u64::MAX,
            checksum: u64::MAX,
        };
        let ranges: Vec<Range> = (0..RANGES_MAX as u64).map(largest).collect();
        let plan = Plan { stored_below: Some(u64::MAX), ..plan(&ranges) };
        assert!(plan.to_metadata().len() < 2_000);
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        let log = LogId(7);
        for text in [
            "2 x",
            "1",
            "1 nothex",
            &format!("1 {log} 5-5:0:0"),
            &format!("1 {log} 5-9:1:0 8-10:1:0"),
            &format!("1 {log} +5-9:1:0"),
            &format!("1 {log} <x"),
            &format!("1 {log} 5-9:1:0 <5"),
        ] {
            assert!(Plan::parse(text).is_err(), "{text}");
        }
    }
}
