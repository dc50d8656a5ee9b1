//! Domain values as `apache-avro` sees them, by the names of the schema: written apart from the codec, so that it can be its oracle.

use apache_avro::types::Value;
use codec::BatchHeader;
use event::{
    Alert, AlertId, Backfill, Control, DeadLetter, Delivery, Event, EventId, Expectation, FeedCursor, FirstSeen, Gap,
    Identity, LedgerEntry, Position, Timestamp, UserKey,
};

/// `closed_set!` gives every set the same members, and no trait.
macro_rules! symbol {
    ($member:expr) => {
        Value::Enum(u32::from($member.index()), $member.as_str().to_owned())
    };
}

/// An event, less what its batch says.
pub(crate) fn event(event: &Event<'_>) -> Value {
    record(vec![
        ("event_id", event_id(event.event_id)),
        ("occurred_at", time(event.occurred_at)),
        ("occurred_at_original", time(event.occurred_at_original)),
        ("available_at", time(event.available_at)),
        ("stream", symbol!(event.stream)),
        ("kind", symbol!(event.kind)),
        ("is_supporting", Value::Boolean(event.is_supporting)),
        ("actor_type", symbol!(event.actor_type)),
        ("user_key", user_key(event.user_key)),
        ("actor_key", user_key(event.actor_key)),
        ("app_kind", symbol!(event.app_kind)),
        ("consent_type", symbol!(event.consent_type)),
        ("outcome", symbol!(event.outcome)),
        ("is_mfa", Value::Boolean(event.is_mfa)),
        ("ip", fixed(&event.ip.0)),
        ("asn", Value::Long(event.asn.into())),
        ("is_proxy", Value::Boolean(event.is_proxy)),
        ("warnings", Value::Int(event.warnings.bits().cast_signed())),
        ("app_id_kind", symbol!(event.app.id_kind)),
        ("app_id", text(event.app.id)),
        ("app_name", text(event.app_name)),
        ("app_object_id", text(event.app_object_id)),
        ("scopes", text(event.scopes.as_str())),
        ("scopes_added", text(event.scopes_added.as_str())),
        ("scopes_removed", text(event.scopes_removed.as_str())),
        ("resources", text(event.resources.as_str())),
        ("grant_id", text(event.grant_id)),
        ("native_id", text(event.native_id)),
        ("native_type", text(event.native_type)),
        ("correlation_id", text(event.correlation_id)),
        ("session_id", text(event.session_id)),
        ("transaction_id", text(event.transaction_id)),
        ("outcome_code", text(event.outcome_code)),
        ("outcome_reason", text(event.outcome_reason)),
        ("auth_method", text(event.auth_method)),
        ("auth_protocol", text(event.auth_protocol)),
        ("as_org", text(event.as_org)),
        ("country", text(event.country)),
        ("city", text(event.city)),
        ("ua_os", text(event.ua_os)),
        ("ua_browser", text(event.ua_browser)),
        ("user_agent", text(event.user_agent)),
    ])
}

/// A batch.
pub(crate) fn batch(header: &BatchHeader<'_>, events: &[Event<'_>]) -> Value {
    record(vec![
        ("tenant", text(header.tenant)),
        ("connection", text(header.connection)),
        ("provider_tenant", text(header.provider_tenant)),
        ("source", symbol!(header.source)),
        ("received_at", time(header.received_at)),
        ("is_backfill", Value::Boolean(header.is_backfill)),
        ("events", Value::Array(events.iter().map(event).collect())),
    ])
}

/// A control record.
pub(crate) fn control(tenant: &str, control: &Control) -> Value {
    let mut fields = vec![("tenant", text(tenant))];
    fields.extend(control_fields(control));
    record(fields)
}

fn control_fields(control: &Control) -> Vec<(&'static str, Value)> {
    let (set, value) = match control {
        Control::Decision(decision) => ("decision", self::decision(decision)),
        Control::Alias(alias) => ("alias", self::alias(alias)),
        Control::TableVersion(version) => (
            "table_version",
            record(vec![
                ("table", symbol!(version.table)),
                ("version", text(&version.version)),
                ("loaded_at", time(version.loaded_at)),
            ]),
        ),
        Control::Tick(tick) => ("tick", record(vec![("at", time(tick.at))])),
        Control::Reveal(reveal) => (
            "reveal",
            record(vec![
                ("user_key", user_key(reveal.user_key)),
                ("reason", text(&reveal.reason)),
                ("revealed_by", text(&reveal.revealed_by)),
                ("revealed_at", time(reveal.revealed_at)),
            ]),
        ),
    };
    one_of(&["decision", "alias", "table_version", "tick", "reveal"], set, value)
}

fn decision(decision: &event::Decision) -> Value {
    record(vec![
        ("app_key", text(&decision.app_key)),
        ("app_refs", Value::Array(decision.app_refs.iter().map(|app_ref| text(app_ref)).collect())),
        ("status", symbol!(decision.status)),
        ("previous", symbol!(decision.previous)),
        ("department", text(&decision.department)),
        ("owner", text(&decision.owner)),
        ("reason", text(&decision.reason)),
        ("decided_by", text(&decision.decided_by)),
        ("decided_at", time(decision.decided_at)),
        ("expires_at", time(decision.expires_at)),
    ])
}

fn alias(alias: &event::Alias) -> Value {
    record(vec![
        ("action", symbol!(alias.action)),
        ("from_app_key", text(&alias.from_app_key)),
        ("to_app_key", text(&alias.to_app_key)),
        ("reason", text(&alias.reason)),
        ("decided_by", text(&alias.decided_by)),
        ("decided_at", time(alias.decided_at)),
    ])
}

/// An alert.
pub(crate) fn alert(alert: &Alert) -> Value {
    let factor = |factor: &event::Factor| {
        record(vec![("name", text(&factor.name)), ("points", Value::Int(factor.points.into()))])
    };
    let coordinates = record(vec![
        ("log_id", fixed(&alert.coordinates.log_id.0.to_be_bytes())),
        ("partition", Value::Long(alert.coordinates.partition.into())),
        ("position", position(alert.coordinates.position)),
    ]);
    record(vec![
        ("id", alert_id(alert.id)),
        ("tenant", text(&alert.tenant)),
        ("rule", text(&alert.rule)),
        ("rule_version", Value::Int(alert.rule_version.into())),
        ("severity", symbol!(alert.severity)),
        ("state", symbol!(alert.state)),
        ("score", Value::Int(alert.score.into())),
        ("factors", Value::Array(alert.factors.iter().map(factor).collect())),
        ("title", text(&alert.title)),
        ("description", text(&alert.description)),
        ("subject", text(&alert.subject)),
        ("episode", text(&alert.episode)),
        ("app_key", text(&alert.app_key)),
        ("app_ref", text(&alert.app_ref)),
        ("app_name", text(&alert.app_name)),
        ("looks_like", text(&alert.looks_like)),
        ("user_key", user_key(alert.user_key)),
        ("department", text(&alert.department)),
        ("people", Value::Long(alert.people.into())),
        ("evidence", Value::Array(alert.evidence.iter().map(|id| event_id(*id)).collect())),
        ("evidence_query", text(&alert.evidence_query)),
        ("alternative", text(&alert.alternative)),
        ("prevention", text(&alert.prevention)),
        ("technique", text(&alert.technique)),
        ("occurred_at", time(alert.occurred_at)),
        ("received_at", time(alert.received_at)),
        ("logged_at", time(alert.logged_at)),
        ("is_late", Value::Boolean(alert.is_late)),
        ("coordinates", coordinates),
        ("tables_version", text(&alert.tables_version)),
    ])
}

/// A delivery.
pub(crate) fn delivery(delivery: &Delivery) -> Value {
    record(vec![
        ("tenant", text(&delivery.tenant)),
        ("alert_id", alert_id(delivery.alert_id)),
        ("receiver", text(&delivery.receiver)),
        ("state", symbol!(delivery.state)),
        ("attempts", Value::Long(delivery.attempts.into())),
        ("first_attempt_at", time(delivery.first_attempt_at)),
        ("last_attempt_at", time(delivery.last_attempt_at)),
        ("delivered_at", time(delivery.delivered_at)),
    ])
}

/// A gap.
pub(crate) fn gap(gap: &Gap) -> Value {
    record(vec![
        ("tenant", text(&gap.tenant)),
        ("connection", text(&gap.connection)),
        ("feed", text(&gap.feed)),
        ("reason", symbol!(gap.reason)),
        ("from", time(gap.from)),
        ("to", time(gap.to)),
        ("detail", text(&gap.detail)),
        ("noted_at", time(gap.noted_at)),
    ])
}

/// What is expected of a connection.
pub(crate) fn expectation(expected: &Expectation) -> Value {
    record(vec![
        ("tenant", text(&expected.tenant)),
        ("connection", text(&expected.connection)),
        ("since", time(expected.since)),
        ("silent_after_ms", Value::Long(expected.silent_after_ms)),
        ("heard_at", time(expected.heard_at)),
        ("noted_at", time(expected.noted_at)),
    ])
}

/// A feed's cursor.
pub(crate) fn feed_cursor(cursor: &FeedCursor) -> Value {
    let count = |count: u64| Value::Long(count.cast_signed());
    record(vec![
        ("tenant", text(&cursor.tenant)),
        ("connection", text(&cursor.connection)),
        ("feed", text(&cursor.feed)),
        ("api", text(&cursor.api)),
        ("position", text(&cursor.position)),
        ("complete_to", time(cursor.complete_to)),
        ("state", symbol!(cursor.state)),
        ("detail", text(&cursor.detail)),
        ("waits_until", time(cursor.waits_until)),
        ("heard_at", time(cursor.heard_at)),
        ("updated_at", time(cursor.updated_at)),
        ("pages", count(cursor.pages)),
        ("events", count(cursor.events)),
        ("duplicates", count(cursor.duplicates)),
        ("rereads", count(cursor.rereads)),
    ])
}

/// A back-fill that was asked for.
pub(crate) fn backfill(order: &Backfill) -> Value {
    record(vec![
        ("tenant", text(&order.tenant)),
        ("connection", text(&order.connection)),
        ("since", time(order.since)),
        ("until", time(order.until)),
        ("asked_at", time(order.asked_at)),
        ("asked_by", text(&order.asked_by)),
        ("is_cancelled", Value::Boolean(order.is_cancelled)),
    ])
}

/// A dead letter.
pub(crate) fn dead_letter(letter: &DeadLetter) -> Value {
    let Value::Record(mut fields) = dead_letter_v1(letter) else { panic!("a dead letter is a record") };
    fields.push(("redriven_at".to_owned(), time(letter.redriven_at)));
    Value::Record(fields)
}

/// A dead letter as version 1 knew it.
pub(crate) fn dead_letter_v1(letter: &DeadLetter) -> Value {
    record(vec![
        ("id", event_id(letter.id)),
        ("tenant", text(&letter.tenant)),
        ("connection", text(&letter.connection)),
        ("reason", symbol!(letter.reason)),
        ("detail", text(&letter.detail)),
        ("origin", text(&letter.origin)),
        ("received_at", time(letter.received_at)),
        ("scrubbed", text(&letter.scrubbed)),
        ("sha256", fixed(&letter.sha256)),
        ("is_redrivable", Value::Boolean(letter.is_redrivable)),
    ])
}

/// An identity.
pub(crate) fn identity(identity: &Identity) -> Value {
    record(vec![
        ("tenant", text(&identity.tenant)),
        ("user_key", user_key(identity.user_key)),
        ("source", symbol!(identity.source)),
        ("native_id", text(&identity.native_id)),
        ("email", text(&identity.email)),
        ("display_name", text(&identity.display_name)),
        ("seen_at", time(identity.seen_at)),
    ])
}

/// A ledger entry, as a version of the schema has it.
pub(crate) fn ledger(tenant: &str, entry: &LedgerEntry<'_>, version: u32) -> Value {
    let (set, value) = match entry {
        LedgerEntry::App { app, name, first_key, app_key, first } => (
            "app",
            record(vec![
                ("source", symbol!(app.source)),
                ("app_id_kind", symbol!(app.id_kind)),
                ("app_id", text(app.id)),
                ("name", text(name)),
                ("first_key", text(first_key)),
                ("app_key", text(app_key)),
                ("attempted", first_seen(&first.attempted)),
                ("used", first_seen(&first.used)),
                ("granted", first_seen(&first.granted)),
            ]),
        ),
        LedgerEntry::Pair { app_hash, user_key, position, sighting } => (
            "pair",
            record(vec![
                ("app_hash", fixed(&app_hash.to_be_bytes())),
                ("user_key", self::user_key(*user_key)),
                ("position", self::position(*position)),
                ("sighting", Value::Int(sighting.bits().into())),
            ]),
        ),
        LedgerEntry::Episode { alert_id, position, people, state } => (
            "episode",
            record(vec![
                ("alert_id", self::alert_id(*alert_id)),
                ("position", self::position(*position)),
                ("people", Value::Long((*people).into())),
                ("state", symbol!(state)),
            ]),
        ),
        LedgerEntry::Connection { connection, earliest } => {
            ("connection", record(vec![("connection", text(connection)), ("earliest", time(*earliest))]))
        }
        LedgerEntry::Held { .. } => ("held", held(entry)),
        LedgerEntry::Control { name, position, control } => {
            let mut fields = vec![("name", text(name)), ("position", self::position(*position))];
            fields.extend(control_fields(control));
            ("control", record(fields))
        }
        LedgerEntry::Origin { events, partitions } => (
            "origin",
            record(vec![("events", fixed(&events.0.to_be_bytes())), ("partitions", Value::Long((*partitions).into()))]),
        ),
    };
    let mut fields = vec![("tenant", text(tenant))];
    fields.extend(one_of(fields_of_ledger(version), set, value));
    record(fields)
}

fn fields_of_ledger(version: u32) -> &'static [&'static str] {
    let fields = &["app", "pair", "episode", "connection", "held", "control", "origin"];
    if version < 3 { &fields[..6] } else { fields }
}

fn held(entry: &LedgerEntry<'_>) -> Value {
    let LedgerEntry::Held { event_id, correlation_id, position, received_at, is_consent, risk, closed, alerts } = entry
    else {
        panic!("not held");
    };
    let closed = match closed {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(position) => Value::Union(1, Box::new(self::position(*position))),
    };
    record(vec![
        ("event_id", self::event_id(*event_id)),
        ("correlation_id", text(correlation_id)),
        ("position", self::position(*position)),
        ("received_at", time(*received_at)),
        ("is_consent", Value::Boolean(*is_consent)),
        ("risk", Value::Int((*risk).into())),
        ("closed", closed),
        ("alerts", Value::Array(alerts.iter().map(alert).collect())),
    ])
}

fn first_seen(seen: &FirstSeen) -> Value {
    record(vec![
        ("position", position(seen.position)),
        ("event_id", event_id(seen.event_id)),
        ("occurred_at", time(seen.occurred_at)),
    ])
}

fn position(position: Position) -> Value {
    let offset = Value::Long(position.offset.try_into().unwrap());
    record(vec![("offset", offset), ("index", Value::Int(position.index.into()))])
}

/// The nullable fields of a record, one of them set.
fn one_of(names: &[&'static str], set: &str, value: Value) -> Vec<(&'static str, Value)> {
    let field = |name: &&'static str| {
        let is_set = *name == set;
        let value = if is_set { value.clone() } else { Value::Null };
        (*name, Value::Union(u32::from(is_set), Box::new(value)))
    };
    names.iter().map(field).collect()
}

fn record(fields: Vec<(&'static str, Value)>) -> Value {
    Value::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn time(time: Timestamp) -> Value {
    Value::TimestampMillis(time.0)
}

fn fixed(bytes: &[u8]) -> Value {
    Value::Fixed(bytes.len(), bytes.to_vec())
}

fn event_id(id: EventId) -> Value {
    fixed(&id.0.to_be_bytes())
}

fn alert_id(id: AlertId) -> Value {
    fixed(&id.0.to_be_bytes())
}

fn user_key(key: UserKey) -> Value {
    fixed(&key.0.to_be_bytes())
}
