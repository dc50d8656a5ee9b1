//! The ledger's part: its positions are places of a partition, so what goes to another one is carried over, to before the first place there.

use std::collections::BTreeMap;

use broker::{RecordRef, partition_of};
use codec::{Topic, decode_ledger_entry, encode_ledger_entry};
use event::{Control, FirstSeen, LedgerEntry, LogId, Position};

use super::{Copies, Moving, RepartitionError};
use crate::ledger::{ControlEntry, origin_record};

/// What a partition says of itself: the log of its positions, and how many partitions there were.
type Origin = Option<(LogId, u32)>;

impl Moving<'_> {
    /// Says how many partitions there were, copies, says how many there are, removes.
    pub(super) fn ledger(&mut self) -> Result<(), RepartitionError> {
        let name = Topic::Ledger.name(self.topic_prefix);
        let had = self.broker.partitions(&name)?;
        let origins = (0..had).map(|partition| self.origin(&name, partition)).collect::<Result<Vec<_>, _>>()?;
        let known = origins.iter().flatten().map(|(_, partitions)| *partitions);
        // Where a run was cut amid its last words, some say the one and some the other.
        let is_done = origins.len() == usize::try_from(self.partitions).unwrap_or(usize::MAX)
            && origins.iter().all(|origin| origin.is_some_and(|(_, partitions)| partitions == self.partitions));
        let before = known.filter(|known| *known != self.partitions).min();
        if !is_done {
            let before = before.or_else(|| (had < self.partitions).then_some(had));
            if let Some(before) = before {
                if had == before {
                    // Nothing was copied yet: what does not belong here is left from an earlier time.
                    self.leftovers(&name, before)?;
                }
                let unsaid = (0..had.min(before)).zip(&origins).filter(|(_, origin)| origin.is_none());
                self.say(&name, unsaid.map(|(partition, _)| partition).collect(), before)?;
            }
            self.raise(Topic::Ledger)?;
            for partition in 0..had {
                self.copy_ledger(&name, partition, before)?;
            }
            self.say(&name, (0..self.partitions).collect(), self.partitions)?;
        }
        (0..had).try_for_each(|partition| self.clean(&name, partition))
    }

    /// Removes what an earlier run has copied elsewhere and could not remove.
    fn leftovers(&mut self, topic: &str, before: u32) -> Result<(), RepartitionError> {
        let wanted = std::mem::replace(&mut self.partitions, before);
        let cleaned = (0..before).try_for_each(|partition| self.clean(topic, partition));
        self.partitions = wanted;
        cleaned
    }

    fn origin(&self, topic: &str, partition: u32) -> Result<Origin, RepartitionError> {
        let mut found = None;
        self.read(topic, partition, &mut |record, tenant| {
            if let (true, Some(value)) = (tenant.is_empty(), record.value)
                && let LedgerEntry::Origin { events, partitions } = self.decode(topic, record, value)?
            {
                found = Some((events, partitions));
            }
            Ok(())
        })?;
        match found {
            Some((events, _)) if events != self.events => Err(RepartitionError::OtherLog),
            Some((_, LedgerEntry::REBUILDING)) => Err(RepartitionError::Rebuilding),
            found => Ok(found),
        }
    }

    /// Writes into these partitions how many there are.
    fn say(&mut self, topic: &str, places: Vec<u32>, partitions: u32) -> Result<(), RepartitionError> {
        let mut copies = self.copies(topic, 0);
        for partition in places {
            copies.append(origin_record(self.events, partition, partitions)?)?;
        }
        copies.finish().map(drop)
    }

    /// Copies the entries of those who leave a partition. What belongs elsewhere by the old number, too, is a copy of an earlier run.
    fn copy_ledger(&mut self, topic: &str, partition: u32, before: Option<u32>) -> Result<(), RepartitionError> {
        let mut copies = self.copies(topic, partition);
        let mut controls: BTreeMap<String, BTreeMap<Vec<u8>, (Position, Control)>> = BTreeMap::new();
        self.read(topic, partition, &mut |record, tenant| {
            let is_copy = before.is_some_and(|before| partition_of(tenant.as_bytes(), before) != partition);
            let key = record.key.unwrap_or_default();
            if is_copy || tenant.is_empty() || partition_of(tenant.as_bytes(), self.partitions) == partition {
                return Ok(());
            }
            let Some(value) = record.value else {
                controls.get_mut(tenant).and_then(|known| known.remove(key));
                return copies.copy(tenant, key, None);
            };
            match self.decode(topic, record, value)? {
                LedgerEntry::Control { position, control, .. } => {
                    controls.entry(tenant.to_owned()).or_default().insert(key.to_vec(), (position, control));
                    Ok(())
                }
                entry => {
                    let value = encode_ledger_entry(tenant, &carried_over(entry))?;
                    copies.copy(tenant, key, Some(value))
                }
            }
        })?;
        for (tenant, known) in controls {
            copy_controls(&mut copies, tenant, known.into_values().collect())?;
        }
        self.done.copied.extend(copies.finish()?);
        Ok(())
    }

    fn decode<'r>(
        &self,
        topic: &str,
        record: &RecordRef<'r>,
        value: &'r [u8],
    ) -> Result<LedgerEntry<'r>, RepartitionError> {
        let undecodable = |source| {
            let (topic, partition, offset) = (topic.to_owned(), record.partition, record.offset);
            RepartitionError::Decode { topic, partition, offset, source }
        };
        decode_ledger_entry(value).map(|(_, entry)| entry).map_err(undecodable)
    }
}

/// Copies the control records of a tenant. Their order is what counts: it stays, by their places before the log.
fn copy_controls(
    copies: &mut Copies<'_>,
    tenant: String,
    mut known: Vec<(Position, Control)>,
) -> Result<(), RepartitionError> {
    known.sort_by_key(|(position, _)| *position);
    for (number, (_, control)) in (1u32..).zip(known) {
        let Ok(number) = u16::try_from(number) else { return Err(RepartitionError::TooManyControls { tenant }) };
        let entry = ControlEntry { tenant: tenant.clone(), position: Position::before_log(number), control };
        copies.copy(&tenant, &entry.key(), Some(entry.encode()?))?;
    }
    Ok(())
}

/// An entry as another partition holds it.
fn carried_over(entry: LedgerEntry<'_>) -> LedgerEntry<'_> {
    let position = Position::BEFORE_LOG;
    let seen = |first: FirstSeen| if first.is_some() { FirstSeen { position, ..first } } else { first };
    match entry {
        LedgerEntry::App { app, name, first_key, app_key, mut first } => {
            (first.attempted, first.used, first.granted) =
                (seen(first.attempted), seen(first.used), seen(first.granted));
            LedgerEntry::App { app, name, first_key, app_key, first }
        }
        LedgerEntry::Pair { app_hash, user_key, sighting, .. } => {
            LedgerEntry::Pair { app_hash, user_key, position, sighting }
        }
        LedgerEntry::Episode { alert_id, people, state, .. } => {
            LedgerEntry::Episode { alert_id, position, people, state }
        }
        LedgerEntry::Held { event_id, correlation_id, received_at, is_consent, risk, closed, alerts, .. } => {
            let closed = closed.map(|_| position);
            LedgerEntry::Held { event_id, correlation_id, position, received_at, is_consent, risk, closed, alerts }
        }
        entry @ (LedgerEntry::Connection { .. } | LedgerEntry::Control { .. } | LedgerEntry::Origin { .. }) => entry,
    }
}
