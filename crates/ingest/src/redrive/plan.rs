//! What is in work, in the metadata of a commit: `1 LOG_ID FROM-TO EVENTS_FROM`.

/// The version that is written and read.
const VERSION: &str = "1";

/// Some letters that are being put through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The log of `events`.
    pub(super) log_id: u128,
    /// The letters' records, from here …
    pub(super) from: u64,
    /// … and before here.
    pub(super) to: u64,
    /// Where `events` ended before any of it was written.
    pub(super) events_from: u64,
}

impl Plan {
    /// Both in one: their letters, and those between; and what either may have written.
    pub(super) fn with(self, other: Plan) -> Plan {
        Plan {
            log_id: self.log_id,
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            events_from: self.events_from.min(other.events_from),
        }
    }

    /// The metadata.
    pub(super) fn to_metadata(self) -> String {
        format!("{VERSION} {:032x} {}-{} {}", self.log_id, self.from, self.to, self.events_from)
    }

    /// Reads metadata back; nothing where nothing is in work, `Err` where it is no plan.
    pub(super) fn parse(metadata: &str) -> Result<Option<Plan>, ()> {
        if metadata.is_empty() {
            return Ok(None);
        }
        let mut words = metadata.split(' ');
        let mut next = || words.next().ok_or(());
        if next()? != VERSION {
            return Err(());
        }
        let log_id = u128::from_str_radix(next()?, 16).map_err(drop)?;
        let (from, to) = next()?.split_once('-').ok_or(())?;
        let number = |text: &str| text.parse::<u64>().map_err(drop);
        let plan = Plan { log_id, from: number(from)?, to: number(to)?, events_from: number(next()?)? };
        // Printed again, it must be the same.
        if plan.to_metadata() == metadata { Ok(Some(plan)) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_from_its_metadata_and_nothing_else_does() {
        let plan = Plan { log_id: u128::MAX - 5, from: 0, to: 500, events_from: 7 };
        assert_eq!(Plan::parse(&plan.to_metadata()), Ok(Some(plan)));
        assert_eq!(Plan::parse(""), Ok(None));
        let good = plan.to_metadata();
        for bad in ["2 0 0-1 2", "1", "1 x 0-1 2", "1 0 1 2", " ", &format!("{good} "), &format!("{good} 1")] {
            assert_eq!(Plan::parse(bad), Err(()), "{bad:?}");
        }
    }
}
