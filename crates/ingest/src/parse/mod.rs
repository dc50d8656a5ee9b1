//! Native events → domain events, one provider a folder.
//!
//! Pure: bytes and a context in, outcomes out through a visitor (an `Event` borrows its text from the bytes, so it cannot outlive them).
//! `read = events + ignored + rejected` holds by construction: each native event has exactly one outcome. Nothing here reads a clock,
//! clamps a time or drops a duplicate; that is the business of whoever knows when the delivery came.

mod auth0;
mod clamp;
mod content;
mod country;
mod dropbox;
mod entra;
pub(crate) mod fields;
mod files;
mod github;
mod google;
mod json;
pub(crate) mod mapped;
mod net;
mod okta;
mod onelogin;
mod outcome;
mod own_product;
mod person;
mod pieces;
mod provider;
mod quick;
mod salesforce;
mod slack;
mod stamp;
pub(crate) mod text;
mod time;
mod ual;

pub use clamp::{FUTURE_MS_MAX, PAST_DAYS_MAX, clamp};
pub use files::{Counts, FILE_BYTES_MAX, FileError, FileOptions, parse_files};
pub use json::{Named, write_event};
pub use mapped::{COLUMNS_MAX, HeaderError, MAPPING_BYTES_MAX, Mapping, MappingError, Row, Rows};
pub use outcome::{IdentityRef, Outcome};
pub use pieces::{Piece, Pieces};
pub use provider::{ProviderError, framing, readable_provider, readable_providers, told_by_provider};

use event::{RejectReason, Source, TenantKey, Timestamp};

use crate::delivery::{Element, Fault};

/// What is known of a delivery before its content is read.
#[derive(Clone, Copy, Debug)]
pub struct ParseContext<'a> {
    /// Our tenant, from the connection.
    pub tenant: &'a str,
    /// The connection's id.
    pub connection: &'a str,
    /// The provider's tenant that the connection is configured for. Payloads that speak for another one are rejected. `None` where there
    /// is no connection (`daylight parse`): then the payload's is taken.
    pub provider_tenant: Option<&'a str>,
    /// The raw `source` of the envelope around the element (`Elements::source`): an Okta hook names its org there and nowhere else.
    pub envelope_source: Option<&'a [u8]>,
    /// When the delivery reached us; `None` where nobody says.
    pub received_at: Option<Timestamp>,
    /// The tenant's secret for pseudonyms.
    pub tenant_key: &'a TenantKey,
    /// Is this imported history?
    pub is_backfill: bool,
    /// Is this client id one of the provider's own apps? Asked of the catalogue, which the parser does not know.
    pub is_first_party: fn(Source, &str) -> bool,
    /// The ids of the clients by which we ourselves log in at this provider: their events are the provider's own (`AppKind::FirstParty`).
    pub own_clients: &'a [String],
    /// How the events of a mapped source are read.
    pub mapping: Option<&'a Mapping>,
    /// The cells of the element, where the body is a CSV (`Piece::row`).
    pub row: Option<Row<'a>>,
}

impl<'a> ParseContext<'a> {
    /// A context without provider tenant, time of receipt or catalogue.
    #[must_use]
    pub const fn new(tenant: &'a str, connection: &'a str, tenant_key: &'a TenantKey) -> ParseContext<'a> {
        const fn nobodys(_: Source, _: &str) -> bool {
            false
        }
        ParseContext {
            tenant,
            connection,
            provider_tenant: None,
            envelope_source: None,
            received_at: None,
            tenant_key,
            is_backfill: false,
            is_first_party: nobodys,
            own_clients: &[],
            mapping: None,
            row: None,
        }
    }
}

/// Parses every element of a body, in order; `sink` is called once for each native event, with the element that it stood in.
/// More than `elements_max` elements end in one `RejectReason::TooMany` over the rest of the body.
/// A CSV without the columns that the context's mapping needs is one reject.
pub fn parse_body(
    provider: Source,
    body: &[u8],
    context: &ParseContext<'_>,
    elements_max: usize,
    sink: &mut dyn FnMut(&Element<'_>, Outcome<'_>),
) {
    if let Err(error) = parse_pieces(provider, body, context, elements_max, sink) {
        let element = Element { index: 0, offset: 0, bytes: body, fault: None };
        sink(&element, Outcome::Rejected { reason: RejectReason::MissingField, detail: error.to_string() });
    }
}

/// As `parse_body`.
///
/// # Errors
/// `HeaderError`, when the body is a CSV that the context's mapping does not fit; `sink` was not called then.
pub(crate) fn parse_pieces(
    provider: Source,
    body: &[u8],
    context: &ParseContext<'_>,
    elements_max: usize,
    sink: &mut dyn FnMut(&Element<'_>, Outcome<'_>),
) -> Result<(), HeaderError> {
    let own_markers = context.mapping.map(Mapping::markers).unwrap_or_default();
    let mut pieces = Pieces::open(body, provider, context.mapping, &own_markers, elements_max)?;
    while let Some(Piece { element, source, row }) = pieces.next_piece() {
        let context = ParseContext { envelope_source: source, row, ..*context };
        parse_element(provider, &element, &context, &mut |outcome| sink(&element, outcome));
    }
    Ok(())
}

/// Parses one element: one native event, or several for providers that group them. `sink` is called at least once.
pub fn parse_element(
    provider: Source,
    element: &Element<'_>,
    context: &ParseContext<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) {
    if let Some(fault) = element.fault {
        sink(rejected(fault));
        return;
    }
    let Some(parse) = provider::parser(provider) else {
        let detail = format!("there is no parser for {provider}");
        sink(Outcome::Rejected { reason: RejectReason::NotAnEvent, detail });
        return;
    };
    let Err(error) = parse(element.bytes, context, sink) else { return };
    let repaired = content::repaired(element.bytes);
    if repaired.is_some_and(|repaired| parse(repaired.as_bytes(), context, sink).is_ok()) {
        return;
    }
    let detail = format!("not JSON at line {}, column {} of the event", error.line(), error.column());
    sink(Outcome::Rejected { reason: RejectReason::BadJson, detail });
}

/// What the splitter found wrong, as an outcome.
fn rejected(fault: Fault) -> Outcome<'static> {
    let (reason, detail) = match fault {
        Fault::Broken => (RejectReason::BadJson, "the structure of the JSON is broken"),
        Fault::TooLarge => (RejectReason::TooLarge, "larger than 256 KiB"),
        Fault::TooDeep => (RejectReason::TooDeep, "nested deeper than 64 levels"),
        Fault::TooMany => (RejectReason::TooMany, "more events than one delivery may hold"),
    };
    Outcome::Rejected { reason, detail: detail.to_owned() }
}
