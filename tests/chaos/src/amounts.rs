//! How much of everything a run has: the amounts that are promised (`make chaos`), those of a look of two minutes (`--short`), and those of a run by
//! hand (`--long`).

use std::time::Duration;

use crate::schedule::Engine;

/// How long everything may take to come to rest, and how long they may differ about what they remember.
const RESTS_WITHIN: Duration = Duration::from_secs(300);
const AGREES_WITHIN: Duration = Duration::from_secs(90);
/// After how long without any news, and without any lag, nothing more will come of a build that makes a mistake; longer than the longest silence
/// of a group of which a member was lost. And how long it may differ about what it remembers.
const STILL_FOR: Duration = Duration::from_secs(60);
const MISTAKEN_FOR: Duration = Duration::from_secs(20);

/// How much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// Distinct events that are acknowledged at least.
    pub events: u64,
    /// Pages of events offered in a second.
    pub pages_per_second: u64,
    /// `kill -9` of a process of ours.
    pub process_kills: u64,
    /// `kill -9` of ClickHouse while an insert is under way.
    pub clickhouse_kills: u64,
    /// Times that ClickHouse believes to have rows which it has lost: a kill does it once in 65 or less, which is too rare to rest on.
    pub forgets: u64,
    /// Times that ClickHouse is away, and for how long.
    pub outages: u64,
    /// How long one of them takes.
    pub outage: Duration,
    /// `kill -9` of the broker.
    pub broker_kills: u64,
    /// Responses that are lost after the request was applied: at the door, before ClickHouse, before the receiver, before Kafka.
    pub lost_responses: u64,
    /// Processes that are stopped (SIGSTOP) for longer than their session.
    pub stops: u64,
    /// Each of those who have no session is stopped so often: the process or `ingest`, ClickHouse, the broker.
    pub stands: u64,
    /// How long members of the groups come and go.
    pub storm: Duration,
    /// Each trouble of ClickHouse so often.
    pub troubles: u64,
    /// Alerts that were told, as the sender could write down, before faults that could make it forget: at least.
    pub told_before_faults: u64,
    /// How long the faults may take, beyond which a run ends without a verdict.
    pub lasts_within: Duration,
    /// How long everything may take to come to rest. Generous: machines are shared.
    pub rests_within: Duration,
    /// Where nothing lags and nothing has come for so long, nobody waits for what is missing.
    pub still_for: Duration,
    /// How long it may take until everybody remembers the same: a tick may be on its way.
    pub agrees_within: Duration,
    /// Tenants, each of which has one partition.
    pub tenants: u64,
}

impl Amounts {
    /// What `make chaos` promises.
    #[must_use]
    pub fn promised(engine: Engine) -> Amounts {
        let both = Amounts {
            events: 500_000,
            pages_per_second: 8,
            process_kills: 50,
            clickhouse_kills: 50,
            forgets: 20,
            outages: 3,
            outage: Duration::from_secs(30),
            broker_kills: 0,
            lost_responses: 300,
            stops: 0,
            stands: 3,
            storm: Duration::ZERO,
            troubles: 3,
            told_before_faults: 50,
            lasts_within: Duration::from_secs(40 * 60),
            rests_within: RESTS_WITHIN,
            still_for: RESTS_WITHIN,
            agrees_within: AGREES_WITHIN,
            tenants: 8,
        };
        match engine {
            Engine::Embedded => both,
            Engine::Kafka => Amounts {
                outage: Duration::from_secs(120),
                broker_kills: 10,
                lost_responses: 1_000,
                stops: 10,
                storm: Duration::from_secs(120),
                ..both
            },
        }
    }

    /// What one sitting allows by hand: ten times the events, and 500 kills.
    #[must_use]
    pub fn long(engine: Engine) -> Amounts {
        let promised = Amounts::promised(engine);
        Amounts {
            events: 5_000_000,
            pages_per_second: 16,
            process_kills: 250,
            clickhouse_kills: 250,
            forgets: 5 * promised.forgets,
            broker_kills: 5 * promised.broker_kills,
            lost_responses: 5 * promised.lost_responses,
            stops: 5 * promised.stops,
            stands: 5 * promised.stands,
            lasts_within: Duration::from_secs(5 * 60 * 60),
            rests_within: 4 * RESTS_WITHIN,
            agrees_within: 10 * AGREES_WITHIN,
            ..promised
        }
    }

    /// A few of each kind: what `--short` and the selftest have.
    #[must_use]
    pub fn short(engine: Engine) -> Amounts {
        let both = Amounts {
            events: 5_000,
            pages_per_second: 5,
            process_kills: 3,
            clickhouse_kills: 3,
            forgets: 2,
            outages: 1,
            outage: Duration::from_secs(5),
            broker_kills: 0,
            lost_responses: 20,
            stops: 0,
            stands: 1,
            storm: Duration::ZERO,
            troubles: 1,
            told_before_faults: 0,
            lasts_within: Duration::from_secs(30 * 60),
            rests_within: RESTS_WITHIN,
            still_for: RESTS_WITHIN,
            agrees_within: AGREES_WITHIN,
            tenants: 4,
        };
        match engine {
            Engine::Embedded => both,
            Engine::Kafka => {
                Amounts { process_kills: 6, broker_kills: 1, stops: 1, storm: Duration::from_secs(20), ..both }
            }
        }
    }

    /// As `short`, for a build that makes a mistake: nobody waits long for what will never come, and what no mistake needs to be found is left
    /// out. A broker that comes back is slow, and who sleeps past his session is another story.
    #[must_use]
    pub fn mistaken(engine: Engine) -> Amounts {
        let short = Amounts::short(engine);
        // Each process twice, and once of it unheard: one kill alone may meet a sink that has nothing in hand.
        let process_kills = 2 * short.process_kills;
        let faults = Amounts {
            process_kills,
            broker_kills: 0,
            stops: 0,
            outages: 0,
            troubles: 0,
            storm: Duration::ZERO,
            ..short
        };
        Amounts { still_for: STILL_FOR, agrees_within: MISTAKEN_FOR, ..faults }
    }
}
