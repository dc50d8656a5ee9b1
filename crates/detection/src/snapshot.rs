//! What is remembered of a tenant, as a snapshot holds it: entries of the ledger, and the pairs in runs of 16 bytes each.
//!
//! A snapshot is taken in slices between the events, so that nobody waits for it. That is allowed because it is only ever used together
//! with the compacted topic from the place where it was begun: what changed meanwhile comes again from there. All that a walk owes is
//! that every pair which was there at its beginning is met, and the order of the table sees to that (`pairs.rs`).

use event::LedgerEntry;

use crate::{
    engine::Engine,
    pairs::{PAIR_BYTES, Pair, hash},
    tenant::Tenant,
};

/// Bytes before the pairs of a run: the app, how many pairs it has in all, how many follow.
const RUN_HEAD_BYTES: usize = 8 + 8 + 8;

/// Where a walk through the pairs of a tenant stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairsCursor {
    app: u32,
    hash: u64,
}

/// Bytes that are no runs of pairs. Nothing is lost: the compacted topic has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenRun;

impl std::fmt::Display for BrokenRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a run of pairs ends early")
    }
}

impl std::error::Error for BrokenRun {}

impl Engine {
    /// Everything that is remembered of a tenant but its pairs, as entries of the ledger.
    pub fn entries(&self, tenant: &str) -> impl Iterator<Item = LedgerEntry<'_>> {
        self.tenants.get(tenant).into_iter().flat_map(Tenant::entries)
    }

    /// The pairs that are remembered of a tenant, as entries of the ledger.
    pub fn pair_entries(&self, tenant: &str) -> impl Iterator<Item = LedgerEntry<'_>> {
        let apps = self.tenants.get(tenant).into_iter().flat_map(|tenant| tenant.apps.iter());
        apps.flat_map(|app| {
            app.pairs.iter().map(|pair| LedgerEntry::Pair {
                app_hash: app.hash,
                user_key: pair.user_key,
                position: pair.position().into(),
                sighting: pair.sighting(),
            })
        })
    }

    /// Appends pairs of a tenant, from where the cursor stands, about so many bytes of them. False when there are no more.
    #[must_use]
    pub fn write_pairs(&self, tenant: &str, cursor: &mut PairsCursor, bytes_max: usize, out: &mut Vec<u8>) -> bool {
        let Some(tenant) = self.tenants.get(tenant) else { return false };
        let end = out.len().saturating_add(bytes_max);
        while let Some(app) = tenant.apps.get(cursor.app) {
            let room = end.saturating_sub(out.len() + RUN_HEAD_BYTES) / PAIR_BYTES;
            if room == 0 {
                return true;
            }
            let begins_at = out.len();
            out.extend_from_slice(&app.hash.to_be_bytes());
            out.extend_from_slice(&(app.pairs.len() as u64).to_be_bytes());
            out.extend_from_slice(&0u64.to_be_bytes());
            let (mut count, mut last) = (0u64, None);
            for pair in app.pairs.iter_from(cursor.hash).take(room) {
                out.extend_from_slice(&pair.to_bytes());
                (count, last) = (count + 1, Some(hash(pair.user_key)));
            }
            if let Some(place) = out.get_mut(begins_at + 16..begins_at + RUN_HEAD_BYTES) {
                place.copy_from_slice(&count.to_be_bytes());
            }
            let next = last.and_then(|last| last.checked_add(1)).filter(|_| count == room as u64);
            match next {
                Some(next) => cursor.hash = next,
                None => *cursor = PairsCursor { app: cursor.app.saturating_add(1), hash: 0 },
            }
        }
        false
    }

    /// Takes in what `write_pairs` wrote, and says how many pairs that were.
    ///
    /// # Errors
    /// `BrokenRun`; a part may have been taken in by then.
    pub fn read_pairs(&mut self, tenant: &str, mut bytes: &[u8]) -> Result<u64, BrokenRun> {
        let mut read = 0;
        while !bytes.is_empty() {
            let (app_hash, total, count) = (number(&mut bytes)?, number(&mut bytes)?, number(&mut bytes)?);
            let length =
                usize::try_from(count).ok().and_then(|count| count.checked_mul(PAIR_BYTES)).ok_or(BrokenRun)?;
            let (run, rest) = bytes.split_at_checked(length).ok_or(BrokenRun)?;
            bytes = rest;
            let tenant = self.tenant(tenant);
            let app = tenant.apps.place(app_hash);
            // A hint: what does not fit into the room that is made for it makes more.
            tenant.apps.reserve_pairs(app, usize::try_from(total.max(count)).unwrap_or(usize::MAX));
            for pair in run.as_chunks::<PAIR_BYTES>().0 {
                tenant.apps.restore_pair(app, Pair::from_bytes(*pair));
            }
            read += count;
        }
        Ok(read)
    }
}

impl Tenant {
    fn entries(&self) -> impl Iterator<Item = LedgerEntry<'_>> {
        let apps = self.apps.iter().filter_map(|app| {
            let group = self.apps.group(app.group?)?;
            Some(LedgerEntry::App {
                app: app.reference(),
                name: &app.name,
                first_key: &app.first_key,
                app_key: &group.key,
                first: app.first,
            })
        });
        let episodes = self.episodes.iter().map(|(alert_id, episode)| LedgerEntry::Episode {
            alert_id: *alert_id,
            position: episode.position,
            people: episode.people,
            state: episode.state,
        });
        let connections = self
            .connections
            .iter()
            .map(|(connection, earliest)| LedgerEntry::Connection { connection, earliest: *earliest });
        apps.chain(episodes).chain(connections).chain(self.held.iter().map(|held| held.entry()))
    }
}

fn number(bytes: &mut &[u8]) -> Result<u64, BrokenRun> {
    let (head, rest) = bytes.split_first_chunk::<8>().ok_or(BrokenRun)?;
    *bytes = rest;
    Ok(u64::from_be_bytes(*head))
}
