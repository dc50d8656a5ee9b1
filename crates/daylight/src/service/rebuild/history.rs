//! The history of a partition out of ClickHouse, in the order of the log, a stretch of records at a time.

use detect::{Rebuilding, Told};
use event::{
    ActorType, AlertId, AlertState, Alias, AliasAction, AppIdKind, AppKind, AppRef, ConsentType, Control, Decision,
    Event, EventId, Kind, Outcome, Position, Source, Status, Timestamp, Tokens, UserKey,
};
use store::{Client, PastAlias, PastDecision, PastEpisode, PastEvent, StoreError, Stretch};
use tokio::runtime::Handle;

/// Records that one question asks for at first.
const RECORDS_AT_FIRST: u64 = 512;
/// Records that one question asks for at most, however few rows come.
const RECORDS_MAX: u64 = 262_144;
/// Below so many rows the next question asks for twice as many records, above four times as many for half: a record may hold a thousand.
const ROWS_WANTED: usize = 50_000;

/// A control record and whose it is.
type Controlled = (u64, String, Control);

/// Reads everything before `end` into a pass that is on its way: the episodes first, then events and control records as they stand in the
/// log. Blocks.
pub(super) fn read(
    client: &Client,
    runtime: &Handle,
    log_id: u128,
    partition: u32,
    end: u64,
    rebuilding: &mut Rebuilding,
) -> Result<(), StoreError> {
    let whole = Stretch { log_id, partition, records: 0..end };
    for episode in runtime.block_on(client.past_episodes(&whole))? {
        rebuilding.told(partition, &told(&episode));
    }
    let mut controls = controls(client, runtime, &whole)?.into_iter().peekable();
    let (mut start, mut records) = (0, RECORDS_AT_FIRST);
    while start < end {
        let next = start.saturating_add(records).min(end);
        let rows = runtime.block_on(client.past_events(&Stretch { log_id, partition, records: start..next }))?;
        for row in &rows {
            while let Some((offset, tenant, control)) = controls.next_if(|(offset, ..)| *offset < row.offset) {
                rebuilding.control(partition, Position { offset, index: 0 }, &tenant, control);
            }
            let position = Position { offset: row.offset, index: row.index };
            rebuilding.event(partition, position, Timestamp(row.logged_at), &event(row), &row.app_key);
        }
        records = match rows.len() {
            few if few < ROWS_WANTED => (records * 2).min(RECORDS_MAX),
            many if many > 4 * ROWS_WANTED => (records / 2).max(1),
            _ => records,
        };
        start = next;
    }
    for (offset, tenant, control) in controls {
        rebuilding.control(partition, Position { offset, index: 0 }, &tenant, control);
    }
    Ok(())
}

/// Decisions and merges in the order of the log.
fn controls(client: &Client, runtime: &Handle, whole: &Stretch) -> Result<Vec<Controlled>, StoreError> {
    let decisions = runtime.block_on(client.past_decisions(whole))?;
    let aliases = runtime.block_on(client.past_aliases(whole))?;
    let mut controls: Vec<Controlled> = decisions.into_iter().map(decision).collect();
    controls.extend(aliases.into_iter().map(alias));
    controls.sort_by_key(|(offset, ..)| *offset);
    Ok(controls)
}

fn told(row: &PastEpisode) -> Told<'_> {
    Told {
        tenant: &row.tenant,
        alert_id: AlertId(row.alert_id),
        position: Position { offset: row.offset, index: row.index },
        people: row.people,
        state: AlertState::from_index(row.state).unwrap_or(AlertState::Raised),
    }
}

/// The event of a row. A member that this version does not know reads as the set's own word for that, as in Avro.
fn event(row: &PastEvent) -> Event<'_> {
    let source = Source::from_index(row.source).unwrap_or(Source::Mapped);
    let kind = Kind::from_index(row.kind).unwrap_or(Kind::Other);
    let mut event = Event::new(EventId(row.event_id), source, &row.tenant, kind, Timestamp(row.occurred_at));
    event.connection = &row.connection;
    event.is_supporting = row.is_supporting;
    event.correlation_id = &row.correlation_id;
    event.received_at = Timestamp(row.received_at);
    event.actor_type = ActorType::from_index(row.actor_type).unwrap_or(ActorType::Unknown);
    (event.user_key, event.actor_key) = (UserKey(row.user_key), UserKey(row.actor_key));
    let id_kind = AppIdKind::from_index(row.app_id_kind).unwrap_or(AppIdKind::None);
    event.app = AppRef { source, id_kind, id: &row.app_native_id };
    (event.app_name, event.app_object_id) = (&row.app_name, &row.app_object_id);
    event.app_kind = AppKind::from_index(row.app_kind).unwrap_or(AppKind::Unknown);
    event.scopes = Tokens::from_canonical(&row.scopes);
    event.consent_type = ConsentType::from_index(row.consent_type).unwrap_or(ConsentType::Unknown);
    event.outcome = Outcome::from_index(row.outcome).unwrap_or(Outcome::Unknown);
    event.is_backfill = row.is_backfill;
    event
}

fn decision(row: PastDecision) -> Controlled {
    let status = |place| Status::from_index(place).unwrap_or(Status::Unreviewed);
    let decision = Decision {
        app_key: row.app_key,
        app_refs: row.app_refs,
        status: status(row.status),
        previous: status(row.previous),
        department: row.department,
        owner: row.owner,
        reason: row.reason,
        decided_by: row.decided_by,
        decided_at: Timestamp(row.decided_at),
        expires_at: Timestamp(row.expires_at),
    };
    (row.offset, row.tenant, Control::Decision(decision))
}

fn alias(row: PastAlias) -> Controlled {
    let alias = Alias {
        action: AliasAction::from_index(row.action).unwrap_or(AliasAction::Merge),
        from_app_key: row.from_app_key,
        to_app_key: row.to_app_key,
        reason: row.reason,
        decided_by: row.decided_by,
        decided_at: Timestamp(row.decided_at),
    };
    (row.offset, row.tenant, Control::Alias(alias))
}
