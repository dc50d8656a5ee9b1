//! A dead letter on its way through the parser again: the path of any delivery, but that it is taken whole or not at all, that a rejection
//! writes no second dead letter, and that what the log has already is not written again.

use std::sync::Arc;

use broker::Record;
use codec::Topic;
use event::{DeadLetter, RejectReason};
use hashbrown::HashSet;

use super::{AcceptError, Acceptor, Delivery, Receipt, remember};
use crate::{
    connections::Connection,
    delivery::EVENTS_PER_DELIVERY_MAX,
    parse::{Mapping, Pieces},
};

/// What a dead letter would become.
pub(crate) struct Formed {
    /// What is in it.
    pub(crate) receipt: Receipt,
    /// Why it is rejected still; then there is nothing to append.
    pub(crate) rejected: Option<(RejectReason, String)>,
    /// Its events, by id.
    pub(crate) event_ids: Vec<u128>,
    records: Vec<(Topic, Record)>,
    entries: HashSet<(u128, u64)>,
    people: HashSet<(u128, u64)>,
    connection: Arc<Connection>,
}

/// What is different about a delivery that is a dead letter.
pub(super) struct Again<'a> {
    /// Events that the log has already.
    pub(super) logged: &'a HashSet<u128>,
    /// Why it is rejected still. It stays the dead letter that it is.
    pub(super) rejected: Option<(RejectReason, String)>,
}

impl Acceptor {
    /// Parses the text of a dead letter as if it came now by its connection; nothing is appended. It was received when it was, so that a
    /// late repair does not make its events late. `logged`: events that are not to be written again.
    pub(crate) fn form_again(
        &self,
        connection: &Arc<Connection>,
        letter: &DeadLetter,
        logged: &HashSet<u128>,
    ) -> Result<Formed, AcceptError> {
        let mut delivery = Delivery::new(self, connection, &letter.origin, letter.received_at);
        delivery.again = Some(Again { logged, rejected: None });
        let mapping = connection.mapping.as_ref();
        let own_markers = mapping.map(Mapping::markers).unwrap_or_default();
        let text = letter.scrubbed.as_bytes();
        let mut pieces = Pieces::open(text, connection.provider, mapping, &own_markers, EVENTS_PER_DELIVERY_MAX)?;
        while let Some(piece) = pieces.next_piece() {
            delivery.take(&piece)?;
        }
        delivery.close_record();
        let rejected = delivery.again.and_then(|again| again.rejected);
        Ok(Formed {
            receipt: delivery.receipt,
            rejected,
            event_ids: delivery.entries.iter().map(|(id, _)| *id).collect(),
            records: delivery.records,
            entries: delivery.entries,
            people: delivery.people,
            connection: Arc::clone(connection),
        })
    }

    /// Appends what was formed, waits until the log has all of it, and remembers it. Blocks.
    pub(crate) fn append_again(&self, mut formed: Vec<Formed>) -> Result<(), AcceptError> {
        let mut acks = Vec::new();
        for (topic, record) in formed.iter_mut().flat_map(|one| std::mem::take(&mut one.records)) {
            acks.push(self.broker.append(&topic.name(&self.prefix), record)?);
        }
        for ack in acks {
            ack.wait()?;
        }
        for Formed { receipt, entries, people, connection, .. } in &formed {
            remember(&self.window, entries);
            remember(&self.people, people);
            let id = connection.id.as_str();
            self.metrics.read.with_label_values(&[id]).inc_by(receipt.read);
            self.metrics.events.with_label_values(&[id]).inc_by(receipt.events - receipt.duplicates);
            self.metrics.duplicates.with_label_values(&[id]).inc_by(receipt.duplicates);
        }
        Ok(())
    }
}
