//! A row of `events` as `sink` makes it, but for what only its own crate can say.

use event::{Event, Position};
use store::EventRow;

/// The row of an event under a key of its app.
pub fn row<'a>(event: &'a Event<'a>, app_key: &'a str, at: Position) -> EventRow<'a> {
    EventRow {
        event_id: event.event_id.0,
        tenant: event.tenant,
        source: event.source.index(),
        stream: event.stream.index(),
        connection: event.connection,
        provider_tenant: event.provider_tenant,
        kind: event.kind.index(),
        native_id: event.native_id,
        native_type: event.native_type,
        session_id: event.session_id,
        transaction_id: event.transaction_id,
        occurred_at: event.occurred_at.0,
        available_at: event.available_at.0,
        received_at: event.received_at.0,
        logged_at: event.received_at.0,
        actor_type: event.actor_type.index(),
        user_key: event.user_key.0,
        app_key,
        app_id_kind: event.app.id_kind.index(),
        app_native_id: event.app.id,
        app_name: event.app_name,
        app_kind: event.app_kind.index(),
        scopes: event.scopes.as_str(),
        consent_type: event.consent_type.index(),
        outcome: event.outcome.index(),
        outcome_reason: event.outcome_reason,
        auth_method: event.auth_method,
        is_mfa: event.is_mfa,
        ip: event.ip.0,
        asn: event.asn,
        as_org: event.as_org,
        country: event.country,
        city: event.city,
        user_agent: event.user_agent,
        ua_os: event.ua_os,
        ua_browser: event.ua_browser,
        tables_version: "v1",
        log_id: 1,
        partition: 0,
        offset: at.offset,
        index: at.index,
        ..EventRow::EMPTY
    }
}
