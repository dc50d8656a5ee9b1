//! A rebalance storm: between 4 and 8 members of one group, of which every 0.5 to 3 s one comes or goes, orderly or by `kill -9`. Who comes takes
//! his time to start, and nobody waits for him: meanwhile others come and go.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tests::poll;

use super::{Member, SOON, Stage, lock};
use crate::dice::Dice;

/// Members of the group, with those who stay.
const MEMBERS: std::ops::RangeInclusive<usize> = 4..=8;
/// Time between two of them. Milliseconds.
const INTERVAL_MS: std::ops::Range<u64> = 500..3_000;
/// A storm has a change of members in so long, on average; it blows for longer where a machine is too slow for that.
const CHANGE_WITHIN: Duration = Duration::from_millis(2_000);
/// How much longer, before it counts as none.
const LONGER_MAX: u32 = 6;

/// Those who come and go.
#[derive(Default)]
struct Crowd {
    here: Vec<Member>,
    gone: Vec<Member>,
    /// On their way.
    coming: usize,
    changes: u32,
    errors: Vec<anyhow::Error>,
}

impl Stage {
    /// Blocks for as long as it takes; in the end only those who stay are there.
    pub(super) fn storm(&self, role: &'static str, takes: Duration, seed: u64) -> anyhow::Result<()> {
        let _disturbed = (role == "notify").then(|| self.disturb(super::FOUND_AGAIN));
        let crowd = Mutex::new(Crowd::default());
        let began = Instant::now();
        let blown = self.blow(role, takes, &mut Dice::new(seed, "storm"), &crowd);
        self.count_more("rebalance_storm_s", began.elapsed().as_secs());
        let Crowd { here, mut gone, changes, .. } =
            crowd.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.count_more("rebalance_storm_changes", u64::from(changes));
        thread::scope(|scope| {
            let going: Vec<_> = here.iter().map(|member| scope.spawn(|| self.go(member, true))).collect();
            going.into_iter().try_for_each(|went| went.join().ok().context("a thread panicked")?)
        })?;
        gone.extend(here);
        lock(&self.passers_by).extend(gone);
        blown
    }

    /// Until it has taken so long, and had its changes.
    fn blow(&self, role: &'static str, takes: Duration, dice: &mut Dice, crowd: &Mutex<Crowd>) -> anyhow::Result<()> {
        let staying = self.of_role(role).count();
        let [fewest, most] = [MEMBERS.start(), MEMBERS.end()].map(|members| members.saturating_sub(staying));
        let began = Instant::now();
        thread::scope(|scope| {
            loop {
                let mut now = lock(crowd);
                if let Some(error) = now.errors.pop() {
                    return Err(error);
                }
                let took = began.elapsed();
                if took >= takes && CHANGE_WITHIN * now.changes >= takes {
                    return Ok(());
                }
                ensure!(took < takes * LONGER_MAX, "{} changes of {role} in {took:?} are no storm", now.changes);
                let inside = now.here.len() + now.coming;
                if inside <= fewest || (inside < most && dice.per_thousand(500)) {
                    let known = now.gone.pop();
                    now.coming += 1;
                    // Those with whom it begins are no change.
                    let is_change = inside >= fewest;
                    scope.spawn(move || self.come(role, known, is_change, crowd));
                } else if !now.here.is_empty() {
                    let place = usize::try_from(dice.within(0..u64::try_from(now.here.len())?))?;
                    let (member, is_orderly) = (now.here.swap_remove(place), dice.per_thousand(500));
                    scope.spawn(move || self.leave(member, is_orderly, crowd));
                }
                drop(now);
                // The first of them come at once.
                if inside >= fewest {
                    thread::sleep(Duration::from_millis(dice.within(INTERVAL_MS)));
                }
            }
        })
    }

    /// Somebody who was here before comes again, or somebody new.
    fn come(&self, role: &'static str, known: Option<Member>, is_change: bool, crowd: &Mutex<Crowd>) {
        let came = match known {
            Some(member) => self.start_again(&member).map(|()| member),
            // The broker may be away just now.
            None => poll(SOON, "a passer-by starts", || self.plan.member(role, 100)),
        };
        let mut now = lock(crowd);
        now.coming -= 1;
        match came {
            Ok(member) => {
                now.here.push(member);
                now.changes += u32::from(is_change);
                self.count(&format!("member_came_{role}"));
            }
            Err(error) => now.errors.push(error),
        }
    }

    fn leave(&self, member: Member, is_orderly: bool, crowd: &Mutex<Crowd>) {
        let went = self.go(&member, is_orderly);
        let mut now = lock(crowd);
        now.changes += 1;
        now.errors.extend(went.err());
        self.count(&format!("member_went_{}", member.role));
        now.gone.push(member);
    }

    fn go(&self, member: &Member, is_orderly: bool) -> anyhow::Result<()> {
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
