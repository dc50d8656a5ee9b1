//! Packs moments into deliveries, as providers send them, one day at a time.

use std::collections::VecDeque;

use crate::{
    agenda::Part,
    company::Company,
    feed::Feed,
    moment::Moment,
    packing::{Form, Packing},
    random::Random,
    routine,
    truth::{ElementTruth, Truth},
};

/// Fewest elements of a delivery of history, but for the last of each way.
const HISTORY_ELEMENTS_MIN: u32 = 100;
/// Most elements of a delivery of history.
const HISTORY_ELEMENTS_MAX: u32 = 450;
/// A delivery of history is sent when its body reaches this; one more event stays well below 1 MiB.
const HISTORY_BODY_BYTES: usize = 900_000;

/// The beat of a way in the live phase, at one delivery a second: two ways fill theirs, the others a part of it.
const BEAT_MS: i64 = 4_000;

/// Which half of the run a delivery belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sent as fast as it goes.
    History,
    /// Sent when it is due.
    Live,
}

/// One request to `ingest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The way on which it comes, and so which connection takes it.
    pub feed: Feed,
    /// What stands around the elements, and so which path takes it.
    pub form: Form,
    /// The whole body, not compressed.
    pub body: Vec<u8>,
    /// History or live.
    pub phase: Phase,
    /// When it is due, in milliseconds from the anchor: to be waited for in the live phase, negative in history.
    pub due_offset_ms: i64,
    /// What becomes of the elements, in their order.
    pub elements: Vec<ElementTruth>,
}

/// All deliveries of a run, in the order in which they are sent.
pub struct Deliveries<'a> {
    company: &'a Company,
    random: Random,
    /// The next slot of 24 hours to be made; 0 is the live phase, 1 the end.
    slot: i64,
    /// What happened in one slot and is delivered in a later one.
    carried: Vec<Moment>,
    /// One for each way, in their order.
    open: [Packing; Feed::ALL.len()],
    ready: VecDeque<Delivery>,
    truth: Truth,
}

impl Iterator for Deliveries<'_> {
    type Item = Delivery;

    fn next(&mut self) -> Option<Delivery> {
        while self.ready.is_empty() && self.slot <= 0 {
            if self.slot < 0 {
                self.pack_history()
            } else {
                self.pack_live()
            }
            self.slot += 1;
        }
        let delivery = self.ready.pop_front()?;
        self.truth.deliveries += 1;
        self.truth.body_bytes += u64::try_from(delivery.body.len()).unwrap_or_default();
        Some(delivery)
    }
}

impl<'a> Deliveries<'a> {
    pub(crate) fn new(company: &'a Company) -> Deliveries<'a> {
        let mut random = Random::stream(company.settings.seed, "deliveries", 0);
        let open = Feed::ALL.map(|feed| begin(feed, Phase::History, &mut random));
        Deliveries {
            company,
            random,
            slot: -i64::from(company.settings.days),
            carried: Vec::new(),
            open,
            ready: VecDeque::new(),
            truth: Truth::default(),
        }
    }

    /// The sums so far; over the whole run, once the iterator has ended. Events of the day at hand count before they are handed out.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    fn pack_history(&mut self) {
        let end = (self.slot + 1) * crate::clock::DAY_MS;
        let begin_of_slot = self.slot * crate::clock::DAY_MS;
        let mut moments = routine::day(self.company, self.slot);
        moments.append(&mut self.carried);
        moments.extend(self.company.script.iter().filter(|moment| (begin_of_slot..end).contains(&moment.occurred)));
        moments.sort_by_key(|moment| (moment.due, moment.identity));
        self.carried = moments.split_off(moments.partition_point(|moment| moment.due < end));
        for moment in &moments {
            self.put(moment, Part::history(i64::from(self.company.settings.days)), Phase::History);
            self.send_full(moment.feed, moment.due);
        }
        if end == 0 {
            for feed in Feed::ALL {
                self.send(feed, Phase::Live, -1);
            }
        }
    }

    /// The poll of Okta's log is behind its hook: a page is sent after all that the hook brought before it, so that what it holds once more
    /// is a second copy.
    fn send_full(&mut self, feed: Feed, due: i64) {
        if feed == Feed::OktaLog || !self.open(feed).is_full() {
            return;
        }
        self.send(feed, Phase::History, due);
        if feed == Feed::OktaHook && self.open(Feed::OktaLog).is_full() {
            self.send(Feed::OktaLog, Phase::History, due);
        }
    }

    /// Each way has a steady beat, and they take turns.
    fn pack_live(&mut self) {
        let settings = &self.company.settings;
        let feeds = i64::try_from(Feed::ALL.len()).unwrap_or(1);
        let beat = BEAT_MS / i64::from(settings.live_deliveries_per_second);
        let mut moments = routine::live(self.company);
        moments.extend(self.company.script.iter().filter(|moment| moment.occurred >= 0));
        let due_at = |moment: &Moment| {
            let place = i64::try_from(moment.feed as usize).unwrap_or_default();
            let shift = beat * place / feeds;
            ((moment.due + shift).div_euclid(beat) + 1) * beat - shift
        };
        moments.sort_by_key(|moment| (due_at(moment), moment.feed, moment.due, moment.identity));
        for (number, moment) in moments.iter().enumerate() {
            self.put(moment, Part::live(settings.live_ms), Phase::Live);
            let next = moments.get(number + 1);
            let is_last_of_beat = next.is_none_or(|next| due_at(next) != due_at(moment) || next.feed != moment.feed);
            if is_last_of_beat {
                self.send(moment.feed, Phase::Live, due_at(moment));
            }
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "there is one for each way, and the number of a way is its place in their list"
    )]
    fn open(&mut self, feed: Feed) -> &mut Packing {
        &mut self.open[feed as usize]
    }

    fn put(&mut self, moment: &Moment, part: Part, phase: Phase) {
        let company = self.company;
        let element = self.open(moment.feed).put(company, moment);
        debug_assert!(phase == Phase::Live || part.holds(moment.occurred));
        self.truth.add(&element, part.is_late(moment.feed, moment.due - moment.occurred));
    }

    /// Closes the open delivery of that way, and begins its next one, which is of that phase.
    fn send(&mut self, feed: Feed, next_phase: Phase, due_offset_ms: i64) {
        let fresh = begin(feed, next_phase, &mut self.random);
        let packed = std::mem::replace(self.open(feed), fresh);
        let (form, body, elements) = packed.finish(self.company);
        if elements.is_empty() {
            return;
        }
        let phase = if due_offset_ms < 0 { Phase::History } else { Phase::Live };
        self.ready.push_back(Delivery { feed, form, body, phase, due_offset_ms, elements });
    }
}

/// An empty delivery. History mixes the forms; what is live comes in the one that is quickest there.
fn begin(feed: Feed, phase: Phase, random: &mut Random) -> Packing {
    let (usual, other) = match feed {
        Feed::OktaHook => (Form::Array, Form::OktaHook),
        Feed::OktaLog | Feed::M365Ual => (Form::Array, Form::Array),
        Feed::Entra => (Form::Records, Form::Records),
        Feed::GoogleLogin | Feed::GoogleToken | Feed::GoogleSaml => (Form::Activities, Form::Activities),
    };
    let form = match (phase, random.below(10)) {
        (Phase::Live, _) | (Phase::History, 0..2) => other,
        (Phase::History, 2) => Form::Lines,
        (Phase::History, _) => usual,
    };
    let elements = match phase {
        // It grows beyond this until the hook's is sent.
        Phase::History if feed == Feed::OktaLog => HISTORY_ELEMENTS_MIN + random.below(HISTORY_ELEMENTS_MIN),
        Phase::History => HISTORY_ELEMENTS_MIN + random.below(HISTORY_ELEMENTS_MAX - HISTORY_ELEMENTS_MIN),
        Phase::Live => HISTORY_ELEMENTS_MAX,
    };
    Packing::new(form, elements as usize, HISTORY_BODY_BYTES, random.next())
}
