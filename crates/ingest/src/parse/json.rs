//! One event as one JSON object: what `daylight parse` prints (field names of formats.md, section 0).
//!
//! Every field is always there. What is missing is an empty text, an empty list, `false`, or `null` for times, keys and numbers.

use std::io::{self, Write};

use event::{AppIdKind, Event, Timestamp, Tokens, UserKey};

use super::IdentityRef;

/// Should names be printed beside the pseudonyms?
#[derive(Clone, Copy, Debug)]
pub enum Named<'a> {
    /// Pseudonyms alone.
    Pseudonyms,
    /// With the e-mail addresses of these people, as `user_email` and `actor_email`.
    Clear(&'a [IdentityRef<'a>]),
}

/// Writes one object, without line end.
///
/// # Errors
/// Those of the writer.
pub fn write_event(event: &Event<'_>, named: Named<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut object = Object { out, is_first: true };
    object.text("event_id", &event.event_id.to_string())?;
    origin(&mut object, event)?;
    people(&mut object, event, named)?;
    app_and_grant(&mut object, event)?;
    circumstances(&mut object, event)?;
    object.list("parse_warnings", event.warnings.iter().map(|warning| warning.as_str()))?;
    object.flag("is_backfill", event.is_backfill)?;
    object.out.write_all(b"}")
}

fn origin(object: &mut Object<'_, impl Write>, event: &Event<'_>) -> io::Result<()> {
    object.text("source", event.source.as_str())?;
    object.text("stream", event.stream.as_str())?;
    object.text("tenant", event.tenant)?;
    object.text("connection", event.connection)?;
    object.text("provider_tenant", event.provider_tenant)?;
    object.text("kind", event.kind.as_str())?;
    object.flag("is_supporting", event.is_supporting)?;
    object.text("native_id", event.native_id)?;
    object.text("native_type", event.native_type)?;
    object.text("correlation_id", event.correlation_id)?;
    object.text("session_id", event.session_id)?;
    object.text("transaction_id", event.transaction_id)?;
    object.time("occurred_at", event.occurred_at)?;
    object.time("available_at", event.available_at)?;
    object.time("received_at", event.received_at)
}

fn people(object: &mut Object<'_, impl Write>, event: &Event<'_>, named: Named<'_>) -> io::Result<()> {
    object.text("actor_type", event.actor_type.as_str())?;
    object.key("user_key", event.user_key)?;
    object.key("actor_key", event.actor_key)?;
    let Named::Clear(identities) = named else { return Ok(()) };
    let name = |key: UserKey| {
        let identity = identities.iter().find(|identity| key.is_some() && identity.user_key == key);
        identity.map_or("", |identity| identity.email)
    };
    object.text("user_email", name(event.user_key))?;
    object.text("actor_email", name(event.actor_key))
}

fn app_and_grant(object: &mut Object<'_, impl Write>, event: &Event<'_>) -> io::Result<()> {
    let is_label = event.app.id_kind == AppIdKind::Label;
    object.text("app_native_id", if is_label { "" } else { event.app.id })?;
    object.text("app_id_kind", event.app.id_kind.as_str())?;
    object.text("app_object_id", event.app_object_id)?;
    object.text("app_name", event.app_name)?;
    object.text("app_kind", event.app_kind.as_str())?;
    object.text("app_ref", &if event.app.is_some() { event.app.to_string() } else { String::new() })?;
    object.tokens("scopes", event.scopes)?;
    object.tokens("scopes_added", event.scopes_added)?;
    object.tokens("scopes_removed", event.scopes_removed)?;
    object.tokens("resources", event.resources)?;
    object.text("consent_type", event.consent_type.as_str())?;
    object.text("grant_id", event.grant_id)
}

fn circumstances(object: &mut Object<'_, impl Write>, event: &Event<'_>) -> io::Result<()> {
    object.text("outcome", event.outcome.as_str())?;
    object.text("outcome_code", event.outcome_code)?;
    object.text("outcome_reason", event.outcome_reason)?;
    object.text("auth_method", event.auth_method)?;
    object.flag("is_mfa", event.is_mfa)?;
    object.text("auth_protocol", event.auth_protocol)?;
    object.text("ip", &event.ip.to_string())?;
    object.raw("asn", &if event.asn == 0 { "null".to_owned() } else { event.asn.to_string() })?;
    object.text("as_org", event.as_org)?;
    object.flag("is_proxy", event.is_proxy)?;
    object.text("country", event.country)?;
    object.text("city", event.city)?;
    object.text("user_agent", event.user_agent)?;
    object.text("ua_os", event.ua_os)?;
    object.text("ua_browser", event.ua_browser)
}

/// Writes the members of one object.
struct Object<'w, W> {
    out: &'w mut W,
    is_first: bool,
}

impl<W: Write> Object<'_, W> {
    fn raw(&mut self, name: &str, json: &str) -> io::Result<()> {
        let before = if std::mem::take(&mut self.is_first) { '{' } else { ',' };
        write!(self.out, "{before}\"{name}\":{json}")
    }

    fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.raw(name, "")?;
        Ok(serde_json::to_writer(&mut *self.out, text)?)
    }

    fn flag(&mut self, name: &str, is_set: bool) -> io::Result<()> {
        self.raw(name, if is_set { "true" } else { "false" })
    }

    fn time(&mut self, name: &str, time: Timestamp) -> io::Result<()> {
        if time.is_some() { self.text(name, &time.to_string()) } else { self.raw(name, "null") }
    }

    fn key(&mut self, name: &str, key: UserKey) -> io::Result<()> {
        if key.is_some() { self.text(name, &key.to_string()) } else { self.raw(name, "null") }
    }

    fn tokens(&mut self, name: &str, tokens: Tokens<'_>) -> io::Result<()> {
        self.list(name, tokens.iter())
    }

    fn list<'t>(&mut self, name: &str, items: impl Iterator<Item = &'t str>) -> io::Result<()> {
        self.raw(name, "[")?;
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.write_all(b",")?;
            }
            serde_json::to_writer(&mut *self.out, item)?;
        }
        self.out.write_all(b"]")
    }
}
