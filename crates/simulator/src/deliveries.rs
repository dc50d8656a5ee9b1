//! Packs moments into deliveries, as providers send them, one day at a time.

use std::collections::VecDeque;

use crate::{
    agenda::Part,
    apps::Provider,
    company::Company,
    moment::Moment,
    packing::{Form, Packing},
    random::Random,
    routine,
    truth::{ElementTruth, Truth},
};

/// Fewest elements of a delivery of history, but for the last of each provider.
const HISTORY_ELEMENTS_MIN: u32 = 100;
/// Most elements of a delivery of history.
const HISTORY_ELEMENTS_MAX: u32 = 450;
/// A delivery of history is sent when its body reaches this; one more event stays well below 1 MiB.
const HISTORY_BODY_BYTES: usize = 900_000;

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
    /// Whose connection it goes to.
    pub provider: Provider,
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
    open: [Packing; 2],
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
        let open = [Provider::Okta, Provider::Entra].map(|provider| begin(provider, Phase::History, &mut random));
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
            let is_full = self.open(moment).is_full();
            if is_full {
                self.send(moment.action.provider(), Phase::History, moment.due);
            }
        }
        if end == 0 {
            for provider in [Provider::Okta, Provider::Entra] {
                self.send(provider, Phase::Live, -1);
            }
        }
    }

    /// Each provider sends at a steady beat, the two in turns.
    fn pack_live(&mut self) {
        let settings = &self.company.settings;
        let beat = 2_000 / i64::from(settings.live_deliveries_per_second);
        let mut moments = routine::live(self.company);
        moments.extend(self.company.script.iter().filter(|moment| moment.occurred >= 0));
        let due_at = |moment: &Moment| {
            let shift = if moment.action.provider() == Provider::Okta { 0 } else { beat / 2 };
            ((moment.due + shift).div_euclid(beat) + 1) * beat - shift
        };
        moments.sort_by_key(|moment| (due_at(moment), moment.action.provider(), moment.due, moment.identity));
        for (number, moment) in moments.iter().enumerate() {
            self.put(moment, Part::live(settings.live_ms), Phase::Live);
            let next = moments.get(number + 1);
            let is_last_of_beat = next.is_none_or(|next| {
                due_at(next) != due_at(moment) || next.action.provider() != moment.action.provider()
            });
            if is_last_of_beat {
                self.send(moment.action.provider(), Phase::Live, due_at(moment));
            }
        }
    }

    fn open(&mut self, moment: &Moment) -> &mut Packing {
        let [okta, entra] = &mut self.open;
        if moment.action.provider() == Provider::Okta { okta } else { entra }
    }

    fn put(&mut self, moment: &Moment, part: Part, phase: Phase) {
        let company = self.company;
        let element = self.open(moment).put(company, moment);
        debug_assert!(phase == Phase::Live || part.holds(moment.occurred));
        self.truth.add(&element, part.is_late(moment.due - moment.occurred));
    }

    /// Closes the provider's open delivery, and begins its next one, which is of that phase.
    fn send(&mut self, provider: Provider, next_phase: Phase, due_offset_ms: i64) {
        let fresh = begin(provider, next_phase, &mut self.random);
        let [okta, entra] = &mut self.open;
        let open = if provider == Provider::Okta { okta } else { entra };
        let packed = std::mem::replace(open, fresh);
        let (form, body, elements) = packed.finish(self.company);
        if elements.is_empty() {
            return;
        }
        let phase = if due_offset_ms < 0 { Phase::History } else { Phase::Live };
        self.ready.push_back(Delivery { provider, form, body, phase, due_offset_ms, elements });
    }
}

/// An empty delivery. History mixes the forms; what is live comes the way that is quickest at that provider.
fn begin(provider: Provider, phase: Phase, random: &mut Random) -> Packing {
    let (usual, other) = match provider {
        Provider::Okta => (Form::Array, Form::OktaHook),
        Provider::Entra => (Form::Records, Form::Records),
    };
    let form = match (phase, random.below(10)) {
        (Phase::Live, _) | (Phase::History, 0..2) => other,
        (Phase::History, 2) => Form::Lines,
        (Phase::History, _) => usual,
    };
    let elements = match phase {
        Phase::History => HISTORY_ELEMENTS_MIN + random.below(HISTORY_ELEMENTS_MAX - HISTORY_ELEMENTS_MIN),
        Phase::Live => HISTORY_ELEMENTS_MAX,
    };
    Packing::new(form, elements as usize, HISTORY_BODY_BYTES, random.next())
}
