//! Microsoft Entra ID (formats.md, section 3): diagnostic records and bare Graph objects, sign-ins and directory audits.

mod activity;
mod audit;
mod audit_app;
mod codes;
mod grant;
mod permissions;
mod signin;
pub(super) mod values;
pub(super) mod wire;

use event::{EventId, EventIdHasher, ParseWarning, ParseWarnings, RejectReason, Source, Stream, Timestamp, content_id};

use self::wire::{Properties, Record};
use super::{
    Outcome, ParseContext,
    content::without_layout,
    fields,
    stamp::{Reject, occurred_at, provider_tenant},
};

/// One record, taken apart: of Entra, or of the unified audit log, which tells the same in another schema.
pub(super) struct Native<'r> {
    pub(super) source: Source,
    pub(super) element: &'r [u8],
    pub(super) record: &'r Record<'r>,
    pub(super) properties: &'r Properties<'r>,
    pub(super) stream: Stream,
    /// The provider's type of a sign-in.
    pub(super) native_type: &'r str,
}

/// Parses one record.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let mut record: Record<'_> = fields::read(element)?;
    let diagnostic = record.properties.take();
    let is_graph = diagnostic.is_none();
    let properties = match diagnostic {
        Some(properties) => properties,
        // The keys of a Graph object mean other things than those of an envelope.
        None => {
            let category = std::mem::take(&mut record.category);
            record = Record { category, ..Record::default() };
            fields::read(element)?
        }
    };
    let Some(stream) = stream(&record, &properties, is_graph) else {
        sink(match &*record.category {
            "" => {
                Reject(RejectReason::NotAnEvent, "neither a diagnostic record nor a Graph sign-in or directory audit")
                    .into()
            }
            category => Outcome::Ignored { native_type: category },
        });
        return Ok(());
    };
    let native_type = signin::category(stream);
    let native =
        Native { source: Source::Entra, element, record: &record, properties: &properties, stream, native_type };
    if let Err(reject) = build(&native, context, sink) {
        sink(reject.into());
    }
    Ok(())
}

/// Builds the event of a record, or ignores it.
pub(super) fn build(
    native: &Native<'_>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), Reject> {
    match native.stream {
        Stream::Audit => audit::build(native, context, sink),
        _ => signin::build(native, context, sink),
    }
}

/// Which log a record stands in; `None` for logs that say nothing about apps.
fn stream(record: &Record<'_>, properties: &Properties<'_>, is_graph: bool) -> Option<Stream> {
    let is_audit = !properties.activity.is_empty() || !properties.activity_at.is_empty();
    let is_sign_in =
        !properties.created_at.is_empty() && (!properties.app_id.is_empty() || !properties.user_id.is_empty());
    let is_of_type = |name: &str| properties.event_types.iter().any(|event_type| event_type.eq_ignore_ascii_case(name));
    match &*record.category {
        "SignInLogs" => Some(Stream::SigninInteractive),
        "NonInteractiveUserSignInLogs" => Some(Stream::SigninNoninteractive),
        "ServicePrincipalSignInLogs" | "ManagedIdentitySignInLogs" => Some(Stream::SigninSp),
        "AuditLogs" => Some(Stream::Audit),
        // Some exporters write the audit's own category into the envelope.
        _ if is_audit => Some(Stream::Audit),
        _ if !is_graph || !is_sign_in => None,
        _ if is_of_type("servicePrincipal") || is_of_type("managedIdentity") => Some(Stream::SigninSp),
        _ if is_of_type("nonInteractiveUser") => Some(Stream::SigninNoninteractive),
        _ => Some(Stream::SigninInteractive),
    }
}

impl<'r> Native<'r> {
    /// The tenant that the payload speaks for; empty where it does not say (Graph).
    fn tenant(&self) -> &'r str {
        let of_path = || {
            let mut parts = self.record.resource_id.split('/');
            parts
                .by_ref()
                .find(|part| part.eq_ignore_ascii_case("tenants"))
                .and_then(|_| parts.next())
                .unwrap_or_default()
        };
        let told: &str = &self.record.tenant_id;
        if !told.is_empty() {
            return told;
        }
        let of_path = of_path();
        if of_path.is_empty() { &self.properties.tenant_id } else { of_path }
    }

    /// The tenant, checked against the connection's.
    fn provider_tenant<'a>(&self, context: &ParseContext<'a>) -> Result<&'a str, Reject>
    where
        'r: 'a,
    {
        provider_tenant(context.provider_tenant, self.tenant())
    }

    /// When it happened: the object's own time, else the envelope's.
    fn occurred_at(&self, own: &str, field: &'static str, warnings: &mut ParseWarnings) -> Result<Timestamp, Reject> {
        let text = if own.is_empty() { &self.record.time } else { own };
        if self.source == Source::M365Ual {
            // This log never writes a zone: it is UTC by definition, and nothing to be noticed.
            return occurred_at(text, "CreationTime", &mut ParseWarnings::default());
        }
        occurred_at(text, field, warnings)
    }

    /// The id that both forms of the record carry; else the content.
    fn event_id(&self, tenant: &str, warnings: &mut ParseWarnings) -> EventId {
        if self.properties.id.is_empty() {
            warnings.add(ParseWarning::NoNativeId);
            return content_id(self.source, tenant, &without_layout(self.element));
        }
        EventIdHasher::new(self.source, tenant).field(&self.properties.id).finish()
    }

    fn correlation(&self) -> &'r str {
        let own: &str = &self.properties.correlation;
        if own.is_empty() { &self.record.correlation } else { own }
    }
}
