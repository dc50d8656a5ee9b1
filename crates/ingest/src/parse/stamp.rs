//! What every parser does to its event: the context's fields, the check of the provider's tenant, the limits on text.

use event::{ActorType, AppIdKind, AppKind, Event, Kind, ParseWarning, ParseWarnings, RejectReason, Timestamp, Tokens};

use super::{Outcome, ParseContext, text::cut, time};

/// Most bytes of a set of tokens (scopes, resources); longer ones are cut and flagged.
pub(crate) const TOKENS_BYTES_MAX: usize = 16 * 1024;

/// Why an element is rejected.
pub(crate) struct Reject(pub(crate) RejectReason, pub(crate) &'static str);

impl From<Reject> for Outcome<'_> {
    fn from(Reject(reason, detail): Reject) -> Self {
        Outcome::Rejected { reason, detail: detail.to_owned() }
    }
}

/// The provider's tenant of an event: the connection's, after it was compared with the payload's.
pub(crate) fn provider_tenant<'a>(configured: Option<&'a str>, payload: &'a str) -> Result<&'a str, Reject> {
    match configured {
        Some(configured) if !payload.is_empty() && !payload.eq_ignore_ascii_case(configured) => Err(Reject(
            RejectReason::WrongTenant,
            "the payload speaks for another tenant than the connection's provider_tenant",
        )),
        Some(configured) => Ok(configured),
        None => Ok(payload),
    }
}

/// Reads the time that makes the event; the warning of a missing zone goes to `warnings`.
pub(crate) fn occurred_at(text: &str, field: &'static str, warnings: &mut ParseWarnings) -> Result<Timestamp, Reject> {
    if text.is_empty() {
        return Err(Reject(RejectReason::MissingField, field));
    }
    let read = time::read(text).ok_or(Reject(RejectReason::BadTime, field))?;
    if read.is_zone_missing {
        warnings.add(ParseWarning::ZoneMissing);
    }
    Ok(read.at)
}

/// A time that the event can do without.
pub(crate) fn optional_time(text: &str) -> Timestamp {
    time::read(text).map_or(Timestamp::MISSING, |read| read.at)
}

/// The canonical text of tokens, cut at its limit.
pub(crate) fn tokens<'t>(tokens: impl IntoIterator<Item = &'t str>, warnings: &mut ParseWarnings) -> String {
    let mut text = Tokens::canonical(tokens);
    if text.len() > TOKENS_BYTES_MAX {
        let limit = text.floor_char_boundary(TOKENS_BYTES_MAX);
        let end = text.get(..limit).and_then(|kept| kept.rfind(' ')).unwrap_or(0);
        text.truncate(end);
        warnings.add(ParseWarning::ListCut);
    }
    text
}

/// Fills in what the context knows, and cuts every text at its limit.
pub(crate) fn stamp<'a>(event: &mut Event<'a>, context: &ParseContext<'a>, provider_tenant: &'a str) {
    event.connection = context.connection;
    event.provider_tenant = provider_tenant;
    event.received_at = context.received_at.unwrap_or(Timestamp::MISSING);
    event.is_backfill = context.is_backfill;
    if is_own_client(event, context) {
        event.app_kind = AppKind::FirstParty;
    }
    let mut is_cut = false;
    for text in [
        &mut event.provider_tenant,
        &mut event.native_id,
        &mut event.native_type,
        &mut event.correlation_id,
        &mut event.session_id,
        &mut event.transaction_id,
        &mut event.app.id,
        &mut event.app_name,
        &mut event.app_object_id,
        &mut event.grant_id,
        &mut event.outcome_code,
        &mut event.outcome_reason,
        &mut event.auth_method,
        &mut event.auth_protocol,
        &mut event.as_org,
        &mut event.city,
        &mut event.user_agent,
        &mut event.ua_os,
        &mut event.ua_browser,
    ] {
        *text = cut(text, &mut is_cut);
    }
    if is_cut {
        event.warnings.add(ParseWarning::TextCut);
    }
}

/// Is it about the app by which we ourselves log in at this provider? What fetches the events is no finding in them.
fn is_own_client(event: &Event<'_>, context: &ParseContext<'_>) -> bool {
    matches!(event.app.id_kind, AppIdKind::ClientId | AppIdKind::AppId)
        && context.own_clients.iter().any(|own| own.eq_ignore_ascii_case(event.app.id))
}

/// Should an event of this kind say which app?
const fn is_about_app(kind: Kind) -> bool {
    !matches!(kind, Kind::LoginSuccess | Kind::LoginFailure | Kind::LoginChallenge | Kind::PolicyChange | Kind::Other)
}

/// Should an event of this kind say who?
const fn is_about_person(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::LoginSuccess
            | Kind::LoginFailure
            | Kind::LoginChallenge
            | Kind::Sso
            | Kind::OauthGrant
            | Kind::OauthDenied
            | Kind::OauthRequest
            | Kind::AppAssigned
            | Kind::AppUnassigned
    )
}

/// Flags what an event of its kind should tell and does not.
pub(crate) fn flag_missing(event: &mut Event<'_>) {
    if is_about_app(event.kind) && !event.app.is_some() {
        event.warnings.add(ParseWarning::AppMissing);
    }
    if is_about_person(event.kind) && event.actor_type != ActorType::App && !event.user_key.is_some() {
        event.warnings.add(ParseWarning::PersonMissing);
    }
}

/// The country's code; a name that nobody knows is flagged.
pub(crate) fn country<'a>(name: &'a str, warnings: &mut ParseWarnings) -> &'a str {
    if name.is_empty() {
        return "";
    }
    super::country::code(name).unwrap_or_else(|| {
        warnings.add(ParseWarning::UnknownCountry);
        ""
    })
}
