//! Domain → rows: the one place where the shape of an event meets the shape of its table.

use codec::{BatchHeader, RawTexts};
use enrichment::Enriched;
use event::{Alert, Alias, Coordinates, DeadLetter, Decision, Expectation, Gap, Identity, Reveal, Timestamp};
use store::{
    AlertRow, AliasRow, DeadLetterRow, DecisionRow, EventKeys, EventRow, IdentityRow, RevealRow, SourceExpectationRow,
    SourceGapRow,
};

/// What the rows of all events of a record share.
pub(crate) fn shared_row<'a>(
    header: &BatchHeader<'a>,
    tables_version: &'a str,
    at: Coordinates,
    logged_at: Timestamp,
) -> EventRow<'a> {
    EventRow {
        tenant: header.tenant,
        source: header.source.index(),
        connection: header.connection,
        provider_tenant: header.provider_tenant,
        received_at: header.received_at.0,
        logged_at: logged_at.0,
        is_backfill: header.is_backfill,
        tables_version,
        log_id: at.log_id.0,
        partition: at.partition,
        offset: at.position.offset,
        ..EventRow::EMPTY
    }
}

/// The row of an event, without what it shares with the others of its record.
pub(crate) fn own_row<'a>(enriched: &Enriched<'a>, index: u16) -> EventRow<'a> {
    let event = enriched.event;
    let app = enriched.app;
    EventRow {
        event_id: event.event_id.0,
        stream: event.stream.index(),
        kind: event.kind.index(),
        is_supporting: event.is_supporting,
        native_id: event.native_id,
        native_type: event.native_type,
        correlation_id: event.correlation_id,
        session_id: event.session_id,
        transaction_id: event.transaction_id,
        occurred_at: event.occurred_at.0,
        occurred_at_original_ms: event.occurred_at_original.0,
        available_at: event.available_at.0,
        actor_type: event.actor_type.index(),
        user_key: event.user_key.0,
        actor_key: event.actor_key.0,
        department: enriched.department,
        app_key: app.map_or("", |app| app.app_key.as_str()),
        app_id_kind: event.app.id_kind.index(),
        app_native_id: event.app.id,
        app_name: event.app_name,
        app_object_id: event.app_object_id,
        app_kind: event.app_kind.index(),
        category: app.and_then(|app| app.category).map_or("", |category| category.as_str()),
        status: enriched.status.index(),
        is_first_party: app.is_some_and(|app| app.is_first_party),
        scopes: event.scopes.as_str(),
        scopes_added: event.scopes_added.as_str(),
        scopes_removed: event.scopes_removed.as_str(),
        resources: event.resources.as_str(),
        consent_type: event.consent_type.index(),
        grant_id: event.grant_id,
        grant_risk: enriched.grant_risk.level as u8,
        outcome: event.outcome.index(),
        outcome_code: event.outcome_code,
        outcome_reason: event.outcome_reason,
        auth_method: event.auth_method,
        is_mfa: event.is_mfa,
        auth_protocol: event.auth_protocol,
        ip: event.ip.0,
        asn: event.asn,
        as_org: event.as_org,
        is_proxy: event.is_proxy,
        country: event.country,
        city: event.city,
        user_agent: event.user_agent,
        ua_os: event.ua_os,
        ua_browser: event.ua_browser,
        parse_warnings: event.warnings.bits(),
        index,
        ..EventRow::EMPTY
    }
}

/// What stands for the app's key, id, name and category: enrichment numbers an app as delivered, and a name that it learned is not delivered.
pub(crate) fn app_key(enriched: &Enriched<'_>) -> [u8; 9] {
    let number = enriched.app.map_or(0, |app| app.number);
    let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
    [a, b, c, d, e, f, g, h, u8::from(enriched.event.app_name.is_empty())]
}

/// What stands for the texts of an event that come together. `app`: of `app_key`.
pub(crate) fn keys<'a>(app: &'a [u8; 9], raw: RawTexts<'a>) -> EventKeys<'a> {
    let is_numbered = app.iter().take(8).any(|byte| *byte != 0);
    EventKeys {
        app: if is_numbered { app } else { &[] },
        grant: raw.grant,
        outcome: raw.outcome,
        network: raw.network,
        client: raw.client,
    }
}

/// Hands the row of an alert to `push`; its lists are borrowed from here.
pub(crate) fn with_alert_row(alert: &Alert, push: &mut dyn FnMut(&AlertRow<'_>)) {
    let factor_names: Vec<&str> = alert.factors.iter().map(|factor| factor.name.as_str()).collect();
    let factor_points: Vec<i16> = alert.factors.iter().map(|factor| factor.points).collect();
    let evidence: Vec<u128> = alert.evidence.iter().map(|id| id.0).collect();
    push(&AlertRow {
        alert_id: alert.id.0,
        tenant: &alert.tenant,
        rule: &alert.rule,
        rule_version: alert.rule_version,
        severity: alert.severity.index(),
        state: alert.state.index(),
        score: alert.score,
        factor_names: &factor_names,
        factor_points: &factor_points,
        title: &alert.title,
        description: &alert.description,
        subject: &alert.subject,
        episode: &alert.episode,
        app_key: &alert.app_key,
        app_ref: &alert.app_ref,
        app_name: &alert.app_name,
        looks_like: &alert.looks_like,
        user_key: alert.user_key.0,
        department: &alert.department,
        people: alert.people,
        evidence: &evidence,
        evidence_query: &alert.evidence_query,
        alternative: &alert.alternative,
        prevention: &alert.prevention,
        technique: &alert.technique,
        occurred_at: alert.occurred_at.0,
        received_at: alert.received_at.0,
        logged_at: alert.logged_at.0,
        is_late: alert.is_late,
        tables_version: &alert.tables_version,
        log_id: alert.coordinates.log_id.0,
        partition: alert.coordinates.partition,
        offset: alert.coordinates.position.offset,
        index: alert.coordinates.position.index,
    });
}

/// The row of a dead letter.
pub(crate) fn dead_letter_row(letter: &DeadLetter, logged_at: Timestamp) -> DeadLetterRow<'_> {
    DeadLetterRow {
        dead_letter_id: letter.id.0,
        tenant: &letter.tenant,
        connection: &letter.connection,
        reason: letter.reason.index(),
        detail: &letter.detail,
        origin: &letter.origin,
        received_at: letter.received_at.0,
        scrubbed: &letter.scrubbed,
        sha256: letter.sha256,
        is_redrivable: letter.is_redrivable,
        redriven_at: letter.redriven_at.0,
        inserted_at: logged_at.0,
    }
}

/// The row of an identity.
pub(crate) fn identity_row(identity: &Identity) -> IdentityRow<'_> {
    IdentityRow {
        tenant: &identity.tenant,
        user_key: identity.user_key.0,
        source: identity.source.index(),
        native_id: &identity.native_id,
        email: &identity.email,
        display_name: &identity.display_name,
        seen_at: identity.seen_at.0,
    }
}

/// The row of a gap.
pub(crate) fn gap_row(gap: &Gap) -> SourceGapRow<'_> {
    SourceGapRow {
        tenant: &gap.tenant,
        connection: &gap.connection,
        feed: &gap.feed,
        reason: gap.reason.index(),
        from_at: gap.from.0,
        to_at: gap.to.0,
        detail: &gap.detail,
        noted_at: gap.noted_at.0,
    }
}

/// The row of what is expected of a connection.
pub(crate) fn expectation_row(expected: &Expectation) -> SourceExpectationRow<'_> {
    SourceExpectationRow {
        tenant: &expected.tenant,
        connection: &expected.connection,
        since: expected.since.0,
        silent_after_ms: expected.silent_after_ms,
        heard_at: expected.heard_at.0,
        noted_at: expected.noted_at.0,
    }
}

/// Hands the row of a decision to `push`; its lists are borrowed from here.
pub(crate) fn with_decision_row(
    tenant: &str,
    decision: &Decision,
    at: Coordinates,
    push: &mut dyn FnMut(&DecisionRow<'_>),
) {
    let app_refs: Vec<&str> = decision.app_refs.iter().map(String::as_str).collect();
    push(&DecisionRow {
        tenant,
        app_key: &decision.app_key,
        app_refs: &app_refs,
        status: decision.status.index(),
        previous: decision.previous.index(),
        department: &decision.department,
        owner: &decision.owner,
        reason: &decision.reason,
        decided_by: &decision.decided_by,
        decided_at: decision.decided_at.0,
        expires_at: decision.expires_at.0,
        log_id: at.log_id.0,
        partition: at.partition,
        offset: at.position.offset,
        index: at.position.index,
    });
}

/// The row of a merge or split.
pub(crate) fn alias_row<'a>(tenant: &'a str, alias: &'a Alias, at: Coordinates) -> AliasRow<'a> {
    AliasRow {
        tenant,
        action: alias.action.index(),
        from_app_key: &alias.from_app_key,
        to_app_key: &alias.to_app_key,
        reason: &alias.reason,
        decided_by: &alias.decided_by,
        decided_at: alias.decided_at.0,
        log_id: at.log_id.0,
        partition: at.partition,
        offset: at.position.offset,
        index: at.position.index,
    }
}

/// The row of a reveal.
pub(crate) fn reveal_row<'a>(tenant: &'a str, reveal: &'a Reveal, at: Coordinates) -> RevealRow<'a> {
    RevealRow {
        tenant,
        user_key: reveal.user_key.0,
        reason: &reveal.reason,
        revealed_by: &reveal.revealed_by,
        revealed_at: reveal.revealed_at.0,
        log_id: at.log_id.0,
        partition: at.partition,
        offset: at.position.offset,
        index: at.position.index,
    }
}

#[cfg(test)]
mod tests {
    use event::{
        ActorType, AlertState, AliasAction, AppIdKind, AppKind, ConsentType, GapReason, Kind, Outcome, RejectReason,
        Severity, Source, Status, Stream,
    };
    use store::{CLOSED_SETS, type_of};

    /// The domain's closed sets and the tables' are written apart, because `store` knows no event. Here they must meet.
    #[test]
    fn the_tables_name_the_closed_sets_as_the_domain_does() {
        let domain: [(&str, &[&str]); 15] = [
            ("Source", Source::NAMES),
            ("Stream", Stream::NAMES),
            ("Kind", Kind::NAMES),
            ("Outcome", Outcome::NAMES),
            ("ActorType", ActorType::NAMES),
            ("ConsentType", ConsentType::NAMES),
            ("AppIdKind", AppIdKind::NAMES),
            ("AppKind", AppKind::NAMES),
            ("Status", Status::NAMES),
            ("AliasAction", AliasAction::NAMES),
            ("Severity", Severity::NAMES),
            ("AlertState", AlertState::NAMES),
            ("RejectReason", RejectReason::NAMES),
            ("GapReason", GapReason::NAMES),
            ("RiskLevel", &["none", "low", "medium", "high", "critical"]),
        ];
        for (set, names) in domain {
            let written = CLOSED_SETS.iter().find(|(known, _)| *known == set).map(|(_, type_name)| *type_name);
            assert_eq!(written, Some(type_of(names).as_str()), "{set}");
        }
        assert_eq!(CLOSED_SETS.len(), domain.len(), "the tables have a set that is not compared here");
    }
}
