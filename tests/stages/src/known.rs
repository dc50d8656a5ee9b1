//! What was known before the day of a workload, as the ledger tells it.

use event::{AppFirst, EventId, FirstSeen, LedgerEntry, Position, Sighting, Timestamp, stable_hash_64};

use crate::workload::Workload;

/// Milliseconds of a day: connections are older than the learning time.
const DAY_MS: i64 = 86_400_000;

/// Hands over what was known before the day: every app, every known pair, and connections that are older than the learning time.
pub fn known_before(
    workload: &Workload,
    put: &mut dyn FnMut(&str, &LedgerEntry<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let long_ago = Timestamp(workload.began().0 - 60 * DAY_MS);
    // The day's first event stands there, too, and is taken for the one that began it. So whoever works out what must come of the day uses
    // the places that its events have in the log.
    let position = Position::default();
    let seen = FirstSeen { position, event_id: EventId(1), occurred_at: long_ago };
    let first = AppFirst { used: seen, ..AppFirst::default() };
    let hashes: Vec<u64> = workload.apps().map(|(app, _)| stable_hash_64(&app)).collect();
    for (number, tenant) in workload.tenants().iter().enumerate() {
        put(tenant, &LedgerEntry::Connection { connection: &workload.connections()[number], earliest: long_ago })?;
        for (app, name) in workload.apps() {
            let key = app.to_string();
            put(tenant, &LedgerEntry::App { app, name, first_key: &key, app_key: &key, first })?;
        }
        for (app, user_key) in workload.known_pairs(number as u64) {
            let pair = LedgerEntry::Pair { app_hash: hashes[app], user_key, position, sighting: Sighting::USED };
            put(tenant, &pair)?;
        }
    }
    Ok(())
}
