//! What could not be read: kept with its reason and its origin.

use crate::{EventId, Timestamp, closed_set::closed_set};

closed_set! {
    /// Why something was rejected.
    RejectReason {
        /// Not JSON.
        BadJson => "bad_json",
        /// JSON, and not an event of this provider.
        NotAnEvent => "not_an_event",
        /// A mandatory field is missing.
        MissingField => "missing_field",
        /// A field has a type that cannot be read.
        BadField => "bad_field",
        /// A time that does not exist or cannot be read.
        BadTime => "bad_time",
        /// Larger than an event may be.
        TooLarge => "too_large",
        /// Nested deeper than an event may be.
        TooDeep => "too_deep",
        /// The payload speaks for another tenant than the connection does.
        WrongTenant => "wrong_tenant",
        /// Too many events in one delivery.
        TooMany => "too_many",
        /// The table refused the value.
        RefusedByTable => "refused_by_table",
        /// A record of the log that cannot be decoded.
        BadRecord => "bad_record",
    }
}

/// One rejected element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Of the connection and the SHA-256 of the rejected bytes (see `dead_letter_id`).
    pub id: EventId,
    /// The tenant whose connection delivered it.
    pub tenant: String,
    /// The connection that delivered it.
    pub connection: String,
    /// Why.
    pub reason: RejectReason,
    /// What exactly, in words that hold nothing of the payload but field names and positions.
    pub detail: String,
    /// Where it came from: `http:okta:3`, `file:events.ndjson:17`, `record:events/0/1234`.
    pub origin: String,
    /// When the delivery reached us.
    pub received_at: Timestamp,
    /// The text less known secrets and typed passwords; cut at the limit.
    pub scrubbed: String,
    /// SHA-256 of the rejected bytes, before scrubbing.
    pub sha256: [u8; 32],
    /// Can `redrive` put it through again? Not where strings were masked or the text was cut.
    pub is_redrivable: bool,
    /// When it was put through again; missing while nobody has. The latest record about an id counts.
    pub redriven_at: Timestamp,
}

impl DeadLetter {
    /// The record that says that this one was put through. Its text is in no use any more, so it is not kept.
    #[must_use]
    pub fn redriven(&self, at: Timestamp) -> DeadLetter {
        DeadLetter { scrubbed: String::new(), redriven_at: at, ..self.clone() }
    }
}
