//! Collects what is to be delivered, and lets the way to us do its harm: lateness, second copies, damage.

use crate::{
    apps::AppId,
    clock::{HOUR_MS, MINUTE_MS},
    feed::Feed,
    malformed::Malformation,
    moment::{Action, Moment, PersonId, Role},
    random::Random,
};

/// Of a thousand clicks, so many arrive late and out of order.
const LATE_PER_MILLE: u32 = 50;
/// Of ten thousand events, so many are delivered twice (a hundredth of all elements, the others included).
const COPIES_PER_TEN_THOUSAND: u32 = 110;
/// Of a thousand second copies of what a hook brought, so many are brought by the poll of the same org.
const POLLED_PER_MILLE: u32 = 600;
/// How far the poll is behind the hook at the least.
const POLL_INTERVAL_MS: i64 = 1_500;
/// To ten thousand events come so many damaged ones (a hundredth of all elements, too).
const MALFORMED_PER_TEN_THOUSAND: u32 = 110;

/// The part of a run that is filled: its borders, in milliseconds from the anchor, and how slowly things travel in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    begin: i64,
    end: i64,
    usual_lag: (i64, i64),
    late_lag: (i64, i64),
    /// The same of logs that are hours behind as a rule.
    slow_lag: (i64, i64),
    slow_late_lag: (i64, i64),
}

impl Part {
    /// The days before the anchor.
    pub(crate) const fn history(days: i64) -> Part {
        Part {
            begin: -days * crate::clock::DAY_MS,
            end: 0,
            usual_lag: (1_000, 90_000),
            late_lag: (5 * MINUTE_MS, 60 * MINUTE_MS),
            slow_lag: (10 * MINUTE_MS, 2 * HOUR_MS),
            slow_late_lag: (4 * HOUR_MS, 9 * HOUR_MS),
        }
    }

    /// The seconds after it: the same harm, in proportion.
    pub(crate) const fn live(live_ms: i64) -> Part {
        Part {
            begin: 0,
            end: live_ms,
            usual_lag: (20, 400),
            late_lag: (2_000, 8_000),
            slow_lag: (100, 900),
            slow_late_lag: (3_000, 10_000),
        }
    }

    /// Does a moment lie in it?
    pub(crate) const fn holds(self, at: i64) -> bool {
        self.begin <= at && at < self.end
    }

    /// Is a lag beyond what is usual on that way?
    pub(crate) const fn is_late(self, feed: Feed, lag: i64) -> bool {
        lag >= if feed.is_slow() { self.slow_late_lag.0 } else { self.late_lag.0 }
    }
}

/// One thing that a person does with an app; its events lie close together and travel together.
pub(crate) struct Click {
    /// Who.
    pub(crate) person: PersonId,
    /// With what.
    pub(crate) app: AppId,
    /// The incident that it is part of.
    pub(crate) incident: Option<u32>,
    at: i64,
    lag: i64,
    /// Of its events in logs that are hours behind.
    slow_lag: i64,
    /// When all of it arrives, where it was so long on its way that its part of the run was over.
    arrives: Option<i64>,
    seed: u64,
}

/// Moments in the order in which they were thought of.
pub(crate) struct Agenda {
    /// Chance of the way.
    pub(crate) random: Random,
    /// What was collected.
    pub(crate) moments: Vec<Moment>,
    history: Part,
    live: Part,
}

impl Agenda {
    pub(crate) const fn new(random: Random, days: i64, live_ms: i64) -> Agenda {
        Agenda { random, moments: Vec::new(), history: Part::history(days), live: Part::live(live_ms) }
    }

    /// Begins a click.
    pub(crate) fn click(&mut self, person: PersonId, app: AppId, at: i64, incident: Option<u32>) -> Click {
        let part = self.part(at);
        let (fast, slow) = match self.random.happens(LATE_PER_MILLE) {
            true => (part.late_lag, part.slow_late_lag),
            false => (part.usual_lag, part.slow_lag),
        };
        let lag = self.random.between(fast.0, fast.1);
        let slow_lag = self.random.between(slow.0, slow.1);
        Click { person, app, incident, at, lag, slow_lag, arrives: None, seed: self.random.next() }
    }

    /// Begins a click of history that is not heard of before the live phase.
    pub(crate) fn belated_click(&mut self, person: PersonId, app: AppId, at: i64, arrives: i64) -> Click {
        Click { arrives: Some(arrives), ..self.click(person, app, at, None) }
    }

    /// Adds an event of a click, so many milliseconds after its begin.
    pub(crate) fn event(&mut self, click: &Click, action: Action, after_ms: i64) {
        let feed = Feed::of(action, click.person, click.incident.is_some());
        let part = self.part(click.arrives.unwrap_or(click.at));
        let occurred = (click.at + after_ms).min(part.end - 1);
        let lag = if feed.is_slow() { click.slow_lag } else { click.lag };
        let moment = Moment {
            occurred,
            due: click.arrives.unwrap_or(occurred + lag).min(part.end - 1),
            identity: self.random.next(),
            click: click.seed,
            person: click.person,
            app: click.app,
            action,
            feed,
            role: Role::Original,
            incident: click.incident,
        };
        self.moments.push(moment);
        self.harm(moment, part);
    }

    fn harm(&mut self, moment: Moment, part: Part) {
        if moment.action.is_noise() {
            // What is of no concern may be left out unread: nobody can say what becomes of a damaged one, and copies do not matter.
            return;
        }
        if self.random.below(10_000) < COPIES_PER_TEN_THOUSAND {
            let feed = moment.feed.of_copy(self.random.happens(POLLED_PER_MILLE));
            let least = if feed == moment.feed { 1 } else { POLL_INTERVAL_MS };
            let due = moment.due + least + self.random.between(0, part.late_lag.1 / 2);
            self.moments.push(Moment { due: due.min(part.end - 1), role: Role::Copy, feed, ..moment });
        }
        if self.random.below(10_000) < MALFORMED_PER_TEN_THOUSAND {
            let role = Role::Malformed(Malformation::draw(moment.feed.provider(), &mut self.random));
            let due = (moment.due + self.random.between(0, 30_000)).min(part.end - 1);
            let (identity, click) = (self.random.next(), self.random.next());
            self.moments.push(Moment { due, identity, click, role, incident: None, ..moment });
        }
    }

    const fn part(&self, at: i64) -> Part {
        if at < 0 { self.history } else { self.live }
    }
}
