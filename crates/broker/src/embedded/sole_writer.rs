//! The sole writer of a partition, on one machine: whoever asked last.

use std::sync::{Arc, PoisonError};

use super::Engine;
use crate::{Ack, AppendError, OFFSET_UNKNOWN, Record};

/// The writer.
pub(crate) struct SoleWriter {
    engine: Arc<Engine>,
    topic: String,
    partition: u32,
    /// Which one of this partition, counted.
    turn: u64,
}

impl SoleWriter {
    /// Who was it before is over.
    pub(crate) fn new(engine: &Arc<Engine>, topic: &str, partition: u32) -> Self {
        let mut turns = engine.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry((topic.to_owned(), partition)).or_default();
        *turn += 1;
        Self { engine: Arc::clone(engine), topic: topic.to_owned(), partition, turn: *turn }
    }

    pub(crate) fn append_all(&mut self, records: &[Record]) -> Result<u64, AppendError> {
        // Held until they are there, so that whoever begins next reads them.
        let turns = self.engine.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.get(&(self.topic.clone(), self.partition)) != Some(&self.turn) {
            return Err(AppendError::Fenced { reason: "another began".to_owned() });
        }
        let mut next = 0;
        for offset in self.engine.append_all(&self.topic, records.to_vec())?.into_iter().map(Ack::wait) {
            next = next.max(Some(offset?).filter(|offset| *offset != OFFSET_UNKNOWN).map_or(0, |offset| offset + 1));
        }
        Ok(next)
    }
}
