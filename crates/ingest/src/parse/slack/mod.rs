//! Slack (formats.md, section 4): entries of the Audit Logs API (Enterprise), of `team.integrationLogs` and of `team.accessLogs` (every paid
//! plan). Which of the three an entry is, its keys tell.

mod audit;
mod kinds;
mod logs;
mod wire;

use event::{AppIdKind, AppRef, RejectReason, Source};

use self::wire::Entry;
use super::{Outcome, ParseContext, fields, stamp::Reject};

/// Parses one entry.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let entry: Entry<'_> = fields::read(element)?;
    let done = if !entry.action.is_empty() {
        audit::build(element, &entry, context, sink)
    } else if !entry.change.is_empty() {
        logs::integration(element, &entry, context, sink)
    } else if !entry.last_at.is_empty() || !entry.first_at.is_empty() {
        logs::access(&entry, context, sink)
    } else {
        Err(Reject(RejectReason::NotAnEvent, "no action, no change_type and no date_last"))
    };
    if let Err(reject) = done {
        sink(reject.into());
    }
    Ok(())
}

/// An app of this kind of id, if the id is told. Slack's app ids (`A…`) are the same in every workspace; the number of an integration
/// (`service_id`) is that workspace's.
const fn reference(id_kind: AppIdKind, id: &str) -> AppRef<'_> {
    AppRef { source: Source::Slack, id_kind: if id.is_empty() { AppIdKind::None } else { id_kind }, id }
}
