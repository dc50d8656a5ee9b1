//! What goes wrong, and when: a function of the seed and of the amounts, and of nothing else. Printed before a run, so that it can be read
//! beside the log, and played again by its seed.
//!
//! Tracks run beside each other, the steps of one track in order: a process may be killed while ClickHouse is away. The network's faults are
//! not here: the proxies draw them by the same seed.

use std::{fmt, time::Duration};

use ::tests::servers::Trouble;

use crate::{amounts::Amounts, dice::Dice};

/// The longest rest before a step. Milliseconds.
const REST_MAX_MS: u64 = 4_000;
/// The longest time that something which was killed stays away. Milliseconds.
const AWAY_MAX_MS: u64 = 1_500;
/// How long a process is stopped, beyond its session. Milliseconds.
const ASLEEP_BEYOND_MS: std::ops::Range<u64> = 1_500..5_000;

/// Where one process does everything, each so many-th harm waits longer: what it was told in between it has written down, and must not tell again.
const QUIET_EVERY: usize = 8;
const QUIET_MS: std::ops::Range<u64> = 12_000..18_000;

/// How long something else is stopped: longer than an insert may take. Milliseconds.
const STANDS_MS: std::ops::Range<u64> = 2_000..8_000;

/// The groups whose members come and go in a storm, and their tenths of it.
const STORMS: &[(&str, u64)] = &[("sink", 5), ("detect", 3), ("notify", 2)];

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// One process with every role.
    Embedded,
    /// The roles apart, around a broker.
    Kafka,
}

impl Engine {
    /// As it is written on the command line and in `chaos.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Embedded => "embedded",
            Engine::Kafka => "kafka",
        }
    }

    /// The roles of its processes, and how many there are of each.
    #[must_use]
    pub const fn roles(self) -> &'static [(&'static str, u64)] {
        match self {
            Engine::Embedded => &[("run", 1)],
            Engine::Kafka => &[("ingest", 1), ("detect", 2), ("sink", 2), ("notify", 1)],
        }
    }
}

/// What is done to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// `kill -9` of a process, which stays away for so long.
    KillProcess {
        /// Its role.
        role: &'static str,
        /// Which of that role.
        number: u64,
        /// How long it stays away.
        away_ms: u64,
        /// Is nothing that it writes taken any more, for a while before?
        is_unheard: bool,
    },
    /// `kill -9` of ClickHouse in the middle of an insert.
    KillClickhouse {
        /// Microseconds after the request was seen; nothing for the moment between its token and its rows.
        after_us: Option<u64>,
        /// How long it stays away.
        away_ms: u64,
    },
    /// ClickHouse believes to have rows that it has lost: it knows the token of an insert and nothing else of it.
    Forget,
    /// ClickHouse is away.
    Outage {
        /// For so long.
        away_ms: u64,
    },
    /// `kill -9` of the broker.
    KillBroker {
        /// How long it stays away.
        away_ms: u64,
    },
    /// A process stands still (SIGSTOP) until its session is over, and goes on where it stood.
    Sleep {
        /// Its role.
        role: &'static str,
        /// Which of that role.
        number: u64,
        /// How long it stands beyond its session.
        beyond_ms: u64,
    },
    /// Something stands still for a while (SIGSTOP), and goes on where it stood.
    Stand {
        /// A role that is in no group, `ClickHouse`, or the `broker`.
        who: &'static str,
        /// For so long.
        takes_ms: u64,
    },
    /// Members of a group come and go.
    Storm {
        /// The members' role.
        role: &'static str,
        /// For so long.
        takes_ms: u64,
        /// Of which further numbers are drawn.
        seed: u64,
    },
    /// ClickHouse refuses, in one of its ways.
    Trouble {
        /// In which of its ways.
        trouble: Trouble,
        /// For so long.
        takes_ms: u64,
    },
}

impl Deed {
    /// The key of `faults` in `chaos.json`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Deed::KillProcess { .. } => "process_kill",
            Deed::KillClickhouse { .. } => "clickhouse_kill",
            Deed::Forget => "clickhouse_forgets",
            Deed::Outage { .. } => "clickhouse_outage",
            Deed::KillBroker { .. } => "broker_kill",
            Deed::Sleep { .. } => "sigstop_past_session",
            Deed::Stand { .. } => "sigstop",
            Deed::Storm { .. } => "rebalance_storm",
            Deed::Trouble { .. } => "clickhouse_trouble",
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deed::KillProcess { role, number, away_ms, is_unheard } => {
                let how = if *is_unheard { ", unheard before" } else { "" };
                write!(to, "kill {role} {number}{how}, away {away_ms} ms")
            }
            Deed::KillClickhouse { after_us: Some(after_us), away_ms } => {
                write!(to, "kill ClickHouse {after_us} µs into an insert, away {away_ms} ms")
            }
            Deed::KillClickhouse { after_us: None, away_ms } => {
                write!(to, "kill ClickHouse between a token and its rows, away {away_ms} ms")
            }
            Deed::Forget => write!(to, "ClickHouse forgets the rows of an insert and knows its token"),
            Deed::Outage { away_ms } => write!(to, "ClickHouse is away for {away_ms} ms"),
            Deed::KillBroker { away_ms } => write!(to, "kill the broker, away {away_ms} ms"),
            Deed::Sleep { role, number, beyond_ms } => {
                write!(to, "stop {role} {number} until {beyond_ms} ms past its session")
            }
            Deed::Stand { who, takes_ms } => write!(to, "stop {who} for {takes_ms} ms"),
            Deed::Storm { role, takes_ms, .. } => write!(to, "members of {role} come and go for {takes_ms} ms"),
            Deed::Trouble { trouble, takes_ms } => write!(to, "ClickHouse has {} for {takes_ms} ms", trouble.name()),
        }
    }
}

/// A deed, and the rest before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Rest before it.
    pub rest: Duration,
    /// What is done.
    pub deed: Deed,
}

/// Steps one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// What it is about.
    pub name: &'static str,
    /// In order.
    pub steps: Vec<Step>,
}

/// Everything that is done in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Of which it is made.
    pub seed: u64,
    /// For which engine.
    pub engine: Engine,
    /// Beside each other.
    pub tracks: Vec<Track>,
}

impl Schedule {
    /// The schedule of a seed.
    #[must_use]
    pub fn new(seed: u64, engine: Engine, amounts: &Amounts) -> Schedule {
        let mut tracks = vec![processes(seed, engine, amounts), clickhouse(seed, amounts), broker(seed, amounts)];
        tracks.retain(|track| !track.steps.is_empty());
        Schedule { seed, engine, tracks }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "schedule of seed {}, engine {}", self.seed, self.engine.name())?;
        for track in &self.tracks {
            writeln!(to, "  {}", track.name)?;
            for step in &track.steps {
                writeln!(to, "    after {:>5} ms: {}", step.rest.as_millis(), step.deed)?;
            }
        }
        Ok(())
    }
}

fn processes(seed: u64, engine: Engine, amounts: &Amounts) -> Track {
    let mut dice = Dice::new(seed, "processes");
    let places: Vec<(&'static str, u64)> =
        engine.roles().iter().flat_map(|(role, count)| (0..*count).map(move |number| (*role, number))).collect();
    // Each in turn, so that a short schedule meets every role, too.
    let count = u64::try_from(places.len()).unwrap_or(1).max(1);
    let kill = |(nth, (role, number)): (u64, &(&'static str, u64))| {
        // By turns, of those who commit what they have worked out elsewhere.
        let is_unheard = *role != "ingest" && (nth / count + number).is_multiple_of(2);
        Deed::KillProcess { role, number: *number, away_ms: dice.within(0..AWAY_MAX_MS), is_unheard }
    };
    let mut kills: Vec<Deed> = (0..amounts.process_kills).zip(places.iter().cycle()).map(kill).collect();
    // Whoever is no member of a group has no session.
    let members: Vec<_> = places.iter().filter(|(role, _)| *role != "ingest" && *role != "run").collect();
    let sleeps = (0..amounts.stops).zip(members.iter().cycle());
    kills.extend(sleeps.map(|(_, (role, number))| Deed::Sleep {
        role,
        number: *number,
        beyond_ms: dice.within(ASLEEP_BEYOND_MS),
    }));
    let others: Vec<_> = places.iter().filter(|(role, _)| *role == "ingest" || *role == "run").collect();
    kills.extend((0..amounts.stands).zip(others.iter().cycle()).map(|(_, (role, _))| stand(role, &mut dice)));
    // Each group has its share of the storm, somewhere between the kills.
    for (role, share) in STORMS.iter().filter(|_| !amounts.storm.is_zero()) {
        let takes_ms = u64::try_from(amounts.storm.as_millis()).unwrap_or(u64::MAX) * share / 10;
        kills.push(Deed::Storm { role, takes_ms, seed: dice.draw() });
    }
    dice.shuffle(&mut kills);
    let mut track = track("processes", kills, &mut dice);
    if engine == Engine::Embedded {
        let steps = track.steps.iter_mut().skip(QUIET_EVERY - 1).step_by(QUIET_EVERY);
        steps.for_each(|step| step.rest += Duration::from_millis(dice.within(QUIET_MS)));
    }
    track
}

fn clickhouse(seed: u64, amounts: &Amounts) -> Track {
    let mut dice = Dice::new(seed, "clickhouse");
    let mut deeds: Vec<Deed> = (0..amounts.clickhouse_kills)
        .map(|number| Deed::KillClickhouse {
            after_us: number.is_multiple_of(2).then(|| dice.within(0..20_000)),
            away_ms: dice.within(0..AWAY_MAX_MS),
        })
        .collect();
    deeds.extend((0..amounts.forgets).map(|_| Deed::Forget));
    let away_ms = u64::try_from(amounts.outage.as_millis()).unwrap_or(u64::MAX);
    deeds.extend((0..amounts.outages).map(|_| Deed::Outage { away_ms }));
    let troubles = (0..amounts.troubles).flat_map(|_| Trouble::ALL);
    deeds.extend(troubles.map(|trouble| Deed::Trouble { trouble, takes_ms: dice.within(3_000..8_000) }));
    deeds.extend((0..amounts.stands).map(|_| stand("ClickHouse", &mut dice)));
    dice.shuffle(&mut deeds);
    track("ClickHouse", deeds, &mut dice)
}

fn broker(seed: u64, amounts: &Amounts) -> Track {
    let mut dice = Dice::new(seed, "broker");
    let mut deeds: Vec<Deed> =
        (0..amounts.broker_kills).map(|_| Deed::KillBroker { away_ms: dice.within(0..AWAY_MAX_MS) }).collect();
    // Where there is no broker, nobody kills one.
    let stands = if deeds.is_empty() { 0 } else { amounts.stands };
    deeds.extend((0..stands).map(|_| stand("broker", &mut dice)));
    dice.shuffle(&mut deeds);
    let mut track = track("broker", deeds, &mut dice);
    // Its restarts are slow and everybody's: many are spread over the run.
    let apart_ms = if amounts.broker_kills > 1 { 5_000..40_000 } else { 0..1 };
    track.steps.iter_mut().for_each(|step| step.rest += Duration::from_millis(dice.within(apart_ms.clone())));
    track
}

fn stand(who: &'static str, dice: &mut Dice) -> Deed {
    Deed::Stand { who, takes_ms: dice.within(STANDS_MS) }
}

fn track(name: &'static str, deeds: Vec<Deed>, dice: &mut Dice) -> Track {
    let step = |deed| Step { rest: Duration::from_millis(dice.within(500..REST_MAX_MS)), deed };
    Track { name, steps: deeds.into_iter().map(step).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_schedule_and_another_seed_another() {
        for engine in [Engine::Embedded, Engine::Kafka] {
            let of = |seed| Schedule::new(seed, engine, &Amounts::promised(engine));
            assert_eq!(of(1), of(1));
            assert_ne!(of(1), of(2));
            assert_eq!(
                of(1).to_string().lines().next(),
                Some(format!("schedule of seed 1, engine {}", engine.name()).as_str())
            );
        }
    }

    #[test]
    fn what_is_promised_is_in_every_schedule() {
        for engine in [Engine::Embedded, Engine::Kafka] {
            let amounts = Amounts::promised(engine);
            let schedule = Schedule::new(3, engine, &amounts);
            let deeds = || schedule.tracks.iter().flat_map(|track| &track.steps).map(|step| &step.deed);
            let count = |kind: &str| u64::try_from(deeds().filter(|deed| deed.kind() == kind).count()).unwrap_or(0);
            assert_eq!(count("process_kill"), amounts.process_kills);
            assert_eq!(count("clickhouse_kill"), amounts.clickhouse_kills);
            assert_eq!(count("clickhouse_forgets"), amounts.forgets);
            assert_eq!(count("broker_kill"), amounts.broker_kills);
            assert_eq!(count("sigstop_past_session"), amounts.stops);
            assert_eq!(count("clickhouse_outage"), amounts.outages);
            let stopped = |who: &str| {
                deeds().filter(|deed| matches!(deed, Deed::Stand { who: stopped, .. } if *stopped == who)).count()
            };
            let (process, broker) = if engine == Engine::Kafka { ("ingest", 3) } else { ("run", 0) };
            assert_eq!([process, "ClickHouse", "broker"].map(stopped), [3, 3, broker]);
            let storm: u64 =
                deeds().map(|deed| if let Deed::Storm { takes_ms, .. } = deed { *takes_ms } else { 0 }).sum();
            assert_eq!(u128::from(storm), amounts.storm.as_millis());
            for (role, number) in engine.roles() {
                let is_met =
                    deeds().any(|deed| matches!(deed, Deed::KillProcess { role: killed, .. } if killed == role));
                assert!(is_met && *number > 0, "no {role} is killed");
            }
        }
    }
}
