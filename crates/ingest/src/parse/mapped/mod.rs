//! Events of a source that nobody wrote a parser for, read by a declared mapping (docs/sources/mapped.md).
//!
//! A mapping is read once, at start, and checked to its last key (`read.rs`); a delivery then costs no look-up by name. `pick.rs` takes the
//! declared pointers out of a JSON event, `rows.rs` the declared columns out of a CSV row, and both end in the same slots, from which
//! `build.rs` makes the event. Rejected ways: a language of expressions (a mapping that needs one wants a parser), and a mapping that is
//! read leniently (what nobody fills for months is found when it is needed).

mod app;
mod build;
mod clock;
mod error;
mod field;
mod pick;
mod read;
mod rows;
mod rules;
mod table;

pub use error::{HeaderError, MappingError};
pub use read::MAPPING_BYTES_MAX;
pub use rows::{COLUMNS_MAX, Row, Rows};
pub use rules::Mapping;

use event::RejectReason;

use super::{Outcome, ParseContext, content::without_layout, stamp::Reject};
use pick::Slot;
use rules::Form;

/// Parses one event of a mapping: the row of the context, or a JSON object.
///
/// # Errors
/// Only when the bytes are no JSON; the sink was not called then.
pub(crate) fn parse(
    element: &[u8],
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) -> Result<(), serde_json::Error> {
    let Some(mapping) = context.mapping else {
        sink(Reject(RejectReason::NotAnEvent, "a mapped source without its mapping").into());
        return Ok(());
    };
    if let Some(row) = context.row {
        if row.is_whole() {
            build::build(mapping, &row.slots(), &|| row.content(), context, sink);
        } else {
            sink(Reject(RejectReason::BadField, "the row has not as many cells as the header").into());
        }
        return Ok(());
    }
    let Form::Json { tree, .. } = &mapping.form else {
        sink(Reject(RejectReason::NotAnEvent, "the mapping is over CSV").into());
        return Ok(());
    };
    let mut slots = vec![Slot::default(); mapping.slots];
    tree.pick(element, &mut slots)?;
    if element.trim_ascii_start().first() == Some(&b'{') {
        build::build(mapping, &slots, &|| without_layout(element), context, sink);
    } else {
        sink(Reject(RejectReason::NotAnEvent, "no JSON object").into());
    }
    Ok(())
}

/// Names in an event that are no e-mail addresses: one may be a password that somebody typed, and none belongs into a dead letter.
pub(crate) fn typed_names(mapping: &Mapping, element: &[u8]) -> Vec<String> {
    let Form::Json { tree, .. } = &mapping.form else { return Vec::new() };
    let mut slots = vec![Slot::default(); mapping.slots];
    if tree.pick(element, &mut slots).is_err() {
        return Vec::new();
    }
    build::typed_names(mapping, &slots)
}
