//! Microsoft Entra ID (formats.md, section 3).

use event::RejectReason;

use super::{Outcome, ParseContext, stamp::Reject};

/// Parses one record.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    _element: &[u8],
    _context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    sink(Reject(RejectReason::NotAnEvent, "not read yet").into());
    Ok(())
}
