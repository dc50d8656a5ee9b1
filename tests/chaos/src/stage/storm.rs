//! A rebalance storm: between 4 and 8 members of one group, of which every 0.5 to 3 s one comes or goes, orderly or by `kill -9`.

use std::{
    thread,
    time::{Duration, Instant},
};

use tests::poll;

use super::{SOON, Stage, lock};
use crate::dice::Dice;

/// Members of the group, with those who stay.
const MEMBERS: std::ops::RangeInclusive<usize> = 4..=8;
/// Time between two of them. Milliseconds.
const INTERVAL_MS: std::ops::Range<u64> = 500..3_000;

impl Stage {
    /// Blocks for as long as it takes; in the end only those who stay are there.
    pub(super) fn storm(&self, role: &'static str, takes: Duration, seed: u64) -> anyhow::Result<()> {
        let _disturbed = (role == "notify").then(|| self.disturb());
        let (mut dice, mut here, mut gone) = (Dice::new(seed, "storm"), Vec::new(), Vec::new());
        let staying = self.of_role(role).count();
        let [fewest, most] = [MEMBERS.start(), MEMBERS.end()].map(|members| members.saturating_sub(staying));
        while here.len() < fewest {
            here.push(self.come(role, None)?);
            self.count(&format!("member_came_{role}"));
        }
        let began = Instant::now();
        while began.elapsed() < takes {
            let is_coming = here.len() <= fewest || (here.len() < most && dice.per_thousand(500));
            if is_coming {
                here.push(self.come(role, gone.pop())?);
            } else {
                let place = usize::try_from(dice.within(0..u64::try_from(here.len())?))?;
                let member = here.swap_remove(place);
                self.go(&member, dice.per_thousand(500))?;
                gone.push(member);
            }
            self.count(&format!("member_{}_{role}", if is_coming { "came" } else { "went" }));
            thread::sleep(Duration::from_millis(dice.within(INTERVAL_MS)));
        }
        self.count_more("rebalance_storm_s", began.elapsed().as_secs());
        for member in here {
            self.go(&member, true)?;
            gone.push(member);
        }
        lock(&self.passers_by).extend(gone);
        Ok(())
    }

    /// Somebody who was here before comes again, or somebody new.
    fn come(&self, role: &'static str, known: Option<super::Member>) -> anyhow::Result<super::Member> {
        match known {
            Some(member) => self.start_again(&member).map(|()| member),
            // The broker may be away just now.
            None => poll(SOON, "a passer-by starts", || self.plan.member(role, 100)),
        }
    }

    fn go(&self, member: &super::Member, is_orderly: bool) -> anyhow::Result<()> {
        if !is_orderly {
            return member.process.kill9();
        }
        match member.process.stop() {
            Ok(0) => Ok(()),
            // It may be waiting for a broker that is away.
            Ok(_) => {
                self.count("stop_with_an_error");
                Ok(())
            }
            Err(_) => {
                self.count("stop_too_slow");
                member.process.kill9()
            }
        }
    }
}
