//! The pieces of a body, however it is parted: elements of JSON, or rows of a CSV.

use event::Source;

use super::mapped::{HeaderError, Mapping, Row, Rows};
use crate::delivery::{Element, Elements, Framing};

/// The pieces of a body, in order.
pub enum Pieces<'a> {
    /// JSON values.
    Elements(Box<Elements<'a>>),
    /// Rows of a CSV.
    Rows(Box<Rows<'a>>),
}

/// One piece: a native event, or what stands where one should.
#[derive(Clone, Copy)]
pub struct Piece<'p> {
    /// Its bytes, and where they stand.
    pub element: Element<'p>,
    /// The raw `source` of the envelope around it.
    pub source: Option<&'p [u8]>,
    /// Its cells, where it is a row.
    pub row: Option<Row<'p>>,
}

impl<'a> Pieces<'a> {
    /// Parts a body. `own_markers`: what `Mapping::markers` gave. `limit`: most pieces.
    ///
    /// # Errors
    /// `HeaderError`, when a CSV has not the columns that the mapping needs.
    pub fn open(
        body: &'a [u8],
        provider: Source,
        mapping: Option<&'a Mapping>,
        own_markers: &'a [&'a [u8]],
        limit: usize,
    ) -> Result<Pieces<'a>, HeaderError> {
        match mapping {
            Some(mapping) if mapping.is_csv() => Ok(Pieces::Rows(Box::new(Rows::open(body, mapping, limit)?))),
            Some(mapping) => {
                let elements = {
                    let framing = Framing { markers: own_markers, pages: &[] };
                    Elements::new(body, framing, limit).in_page(mapping.page())
                };
                Ok(Pieces::Elements(Box::new(elements)))
            }
            None => Ok(Pieces::Elements(Box::new(Elements::new(body, super::framing(provider), limit)))),
        }
    }

    /// The next piece.
    pub fn next_piece(&mut self) -> Option<Piece<'_>> {
        match self {
            Pieces::Elements(elements) => {
                let element = elements.next()?;
                Some(Piece { element, source: elements.source(), row: None })
            }
            Pieces::Rows(rows) => {
                let (element, row) = rows.next_row()?;
                Some(Piece { element, source: None, row: Some(row) })
            }
        }
    }
}
