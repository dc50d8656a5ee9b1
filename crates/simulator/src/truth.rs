//! What a correct pipeline makes of the deliveries: element by element, and in sums.

use std::collections::BTreeMap;

/// What becomes of one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementTruth {
    /// A canonical event, for the first time.
    Event {
        /// The provider's id.
        native_id: String,
        /// Okta's `eventType`; Google's event name; Microsoft's operation, or Entra's category of a sign-in.
        native_type: &'static str,
        /// The canonical kind.
        kind: &'static str,
        /// The number of the incident that it is part of.
        incident: Option<u32>,
    },
    /// The same event once more, byte for byte.
    Duplicate {
        /// The provider's id.
        native_id: String,
    },
    /// Well formed, and of no concern.
    Ignored {
        /// Okta's `eventType`, Google's event name, or Microsoft's operation.
        native_type: &'static str,
    },
    /// Not readable: a dead letter.
    Rejected {
        /// `bad_json`, `missing_field`, `bad_time`, `wrong_tenant` or `not_an_event`.
        reason: &'static str,
    },
}

/// The sums over all elements handed out so far: `events + duplicates + ignored + rejected = provider_events`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Elements of all kinds.
    pub provider_events: u64,
    /// Distinct canonical events.
    pub events: u64,
    /// Second copies.
    pub duplicates: u64,
    /// Well formed and of no concern, in all.
    pub ignored: u64,
    /// The same, by native type.
    pub ignored_by_type: BTreeMap<&'static str, u64>,
    /// Not readable, in all. Each has bytes of its own.
    pub rejected: u64,
    /// The same, by reason.
    pub rejected_by_reason: BTreeMap<&'static str, u64>,
    /// Events that arrive later than is usual on their way: five minutes to an hour in history, two to eight seconds in the live phase; of
    /// Google's token log and of the unified audit log, hours in history, and in the live phase three seconds or more.
    pub late: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Bytes of all bodies.
    pub body_bytes: u64,
}

impl Truth {
    pub(crate) fn add(&mut self, element: &ElementTruth, is_late: bool) {
        self.provider_events += 1;
        match element {
            ElementTruth::Event { .. } => {
                self.events += 1;
                self.late += u64::from(is_late);
            }
            ElementTruth::Duplicate { .. } => self.duplicates += 1,
            ElementTruth::Ignored { native_type } => {
                self.ignored += 1;
                *self.ignored_by_type.entry(native_type).or_default() += 1;
            }
            ElementTruth::Rejected { reason } => {
                self.rejected += 1;
                *self.rejected_by_reason.entry(reason).or_default() += 1;
            }
        }
    }
}
