//! Microsoft 365 unified audit log (formats.md, section 3): what Entra tells of sign-ins and of its directory, in another schema.
//!
//! A record is rewritten, with borrowed text, into the parts of an Entra record, and judged by the same code: an activity must not mean one thing in
//! one log and another in the other. The ids of the two never match (a tenant that delivers both has both; the correlation id is the same).

mod logon_error;
mod wire;

use event::{RejectReason, Source, Stream};

use self::wire::{AdditionalDetails, Audit, Pair, Party};
use super::{
    Outcome, ParseContext,
    entra::{
        self, Native,
        values::is_guid,
        wire::{App, Detail, Device, Initiator, Modified, Properties, Record, Status, Target, User},
    },
    fields::{self, List, Text, borrowed},
    stamp::Reject,
};

/// What the numbers of actors and targets mean.
const SIGN_IN_ID: &str = "0";
const NAME: &str = "1";
const ID: &str = "2";
const USER_NAME: &str = "5";

/// Parses one record.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let audit: Audit<'_> = fields::read(element)?;
    if audit.exported.is_empty() {
        record(element, &audit, context, sink);
        return Ok(());
    }
    // A row of an export (`Search-UnifiedAuditLog`, the compliance portal): its other columns say less of the same.
    match fields::read_text::<Audit<'_>>(&audit.exported) {
        Ok(inner) => record(audit.exported.as_bytes(), &inner, context, sink),
        Err(_) => sink(Reject(RejectReason::BadJson, "AuditData is no JSON").into()),
    }
    Ok(())
}

/// Takes one record; calls the sink once.
fn record(element: &[u8], audit: &Audit<'_>, context: &ParseContext<'_>, sink: &mut dyn FnMut(Outcome<'_>)) {
    if audit.operation.is_empty() {
        sink(Reject(RejectReason::NotAnEvent, "no Operation").into());
        return;
    }
    let sign_in = matches!(&*audit.operation, "UserLoggedIn" | "UserLoginFailed");
    let details = match value(&audit.extended, "additionalDetails") {
        "" => AdditionalDetails::default(),
        told => fields::read_text(told).unwrap_or_default(),
    };
    let stream = match sign_in {
        false => Stream::Audit,
        true if service_principal(audit).is_some() => Stream::SigninSp,
        true => Stream::SigninInteractive,
    };
    let properties = if sign_in { of_sign_in(audit) } else { of_directory(audit, &details) };
    let record =
        Record { tenant_id: borrowed(&audit.organisation), caller_ip: borrowed(&audit.actor_ip), ..Record::default() };
    let native = Native {
        source: Source::M365Ual,
        element,
        record: &record,
        properties: &properties,
        stream,
        native_type: &audit.operation,
    };
    if let Err(reject) = entra::build(&native, context, sink) {
        sink(reject.into());
    }
}

/// A sign-in. How it ended is told by the code and by the operation, never by `ResultStatus`, which says "Success" of most failures.
fn of_sign_in<'a>(audit: &'a Audit<'a>) -> Properties<'a> {
    let is_failed = &*audit.operation == "UserLoginFailed";
    let code: &str = match (&*audit.error, &*audit.logon_error) {
        ("" | "0", "") if is_failed => "UserLoginFailed",
        ("" | "0", name) if is_failed => logon_error::code(name),
        ("", "") => "0",
        ("", name) => logon_error::code(name),
        (code, _) => code,
    };
    let user_id = party(&audit.actors, SIGN_IN_ID);
    let resource = party(&audit.targets, SIGN_IN_ID);
    let of_device = |name: &str| borrowed(value(&audit.device, name));
    let service_principal = service_principal(audit);
    Properties {
        id: borrowed(&audit.id),
        correlation: borrowed(&audit.correlation),
        created_at: borrowed(&audit.created),
        app_id: borrowed(&audit.application),
        service_principal_id: borrowed(service_principal.unwrap_or_default()),
        resource_id: borrowed(if resource.is_empty() { known(&audit.object) } else { resource }),
        user_id: borrowed(user_id),
        user_name: borrowed(known(&audit.user)),
        user_agent: borrowed(value(&audit.extended, "UserAgent")),
        protocol: borrowed(value(&audit.extended, "RequestType")),
        ip: borrowed(&audit.client_ip),
        status: Status { code: borrowed(code), reason: borrowed(&audit.logon_error), details: Text::default() },
        device: Device { os: of_device("OS"), browser: of_device("BrowserType") },
        session: of_device("SessionId"),
        token_id: borrowed(&audit.transaction),
        ..Properties::default()
    }
}

/// A change of the directory.
fn of_directory<'a>(audit: &'a Audit<'a>, details: &'a AdditionalDetails<'a>) -> Properties<'a> {
    let (kind, id) = object(&audit.targets).unwrap_or_default();
    let modified = audit.modified.iter().map(|change| Modified {
        name: borrowed(&change.name),
        old: borrowed(&change.old),
        new: borrowed(&change.new),
    });
    let target = Target {
        id: borrowed(id),
        kind: borrowed(kind),
        display_name: borrowed(party(&audit.targets, NAME)),
        user_name: borrowed(party(&audit.targets, USER_NAME)),
        modified: List { items: modified.collect(), is_cut: audit.modified.is_cut },
    };
    let app_ids = [&*details.app_id, app_id(&audit.targets)].into_iter().filter(|id| !id.is_empty());
    let app_ids = app_ids.map(|id| Detail { key: borrowed("AppId"), value: borrowed(id) });
    Properties {
        id: borrowed(&audit.id),
        correlation: borrowed(&audit.correlation),
        activity: borrowed(&audit.operation),
        activity_at: borrowed(&audit.created),
        result: borrowed(&audit.result),
        initiated_by: initiator(audit),
        targets: List { items: vec![target], is_cut: audit.modified.is_cut },
        details: List { items: app_ids.collect(), is_cut: false },
        user_agent: borrowed(&details.user_agent),
        ..Properties::default()
    }
}

/// Who acted: an app where `UserId` says so, else a person.
fn initiator<'a>(audit: &'a Audit<'a>) -> Initiator<'a> {
    let user = User { ip: borrowed(&audit.client_ip), ..User::default() };
    if let Some(service_principal) = service_principal(audit) {
        let name = party(&audit.actors, NAME);
        let app = App {
            id: borrowed(app_id(&audit.actors)),
            service_principal_id: borrowed(service_principal),
            display_name: borrowed(if name.is_empty() { &audit.user } else { name }),
        };
        return Initiator { user, app };
    }
    let id = object(&audit.actors).map_or("", |(_, id)| id);
    Initiator { user: User { id: borrowed(id), name: borrowed(known(&audit.user)), ..user }, app: App::default() }
}

/// The object of the service principal that acted, empty where only that much is told; `None` for people.
fn service_principal<'a>(audit: &'a Audit<'a>) -> Option<&'a str> {
    match &*audit.user {
        "Certificate" => Some(""),
        user => user.strip_prefix("ServicePrincipal_"),
    }
}

/// The first party of a kind that is known.
fn party<'a>(parties: &'a List<Party<'a>>, kind: &str) -> &'a str {
    let found = parties.iter().find(|party| &*party.kind == kind && !known(&party.id).is_empty());
    found.map_or("", |party| &party.id)
}

/// Kind and id of the object that parties describe, from its id in the form `ServicePrincipal_<guid>`.
fn object<'a>(parties: &'a List<Party<'a>>) -> Option<(&'a str, &'a str)> {
    let ids = parties.iter().filter(|party| &*party.kind == ID);
    ids.filter_map(|party| party.id.split_once('_')).find(|(_, id)| is_guid(id))
}

/// The app id that parties tell: the last bare GUID among the ids that is not the object's own.
fn app_id<'a>(parties: &'a List<Party<'a>>) -> &'a str {
    let Some(("ServicePrincipal" | "Application", own)) = object(parties) else { return "" };
    let mut ids = parties.iter().filter(|party| &*party.kind == ID && is_guid(&party.id) && *party.id != *own);
    ids.next_back().map_or("", |party| &party.id)
}

/// The value of that name.
fn value<'a>(pairs: &'a List<Pair<'a>>, name: &str) -> &'a str {
    pairs.iter().find(|pair| &*pair.name == name).map_or("", |pair| &pair.value)
}

/// The text, unless it is one of the log's words for nothing.
fn known(text: &str) -> &str {
    if text.eq_ignore_ascii_case("unknown") || text.eq_ignore_ascii_case("not available") { "" } else { text }
}
