//! A CSV body, row by row: the header resolved against the mapping once, then each row a native event.
//!
//! A row is read on its own terms: one with a wrong number of cells is one dead letter. A lost quote would swallow the rows behind it, so where
//! a row of a wrong length spans lines, only its first line is given up and reading goes on behind that. This costs at most `RESYNC_FACTOR`
//! times the body; then the rest of the body is one broken row.

use std::borrow::Cow;

use csv::ByteRecord;

use super::{HeaderError, Mapping, pick::Slot, rules::Form};
use crate::delivery::{EVENT_BYTES_MAX, Element, Fault};

/// Most columns of a table.
pub const COLUMNS_MAX: usize = 1_000;
/// How many times the body may be read again after lost quotes, in all.
const RESYNC_FACTOR: usize = 8;

/// The rows of a body.
pub struct Rows<'a> {
    body: &'a [u8],
    delimiter: u8,
    reader: csv::Reader<&'a [u8]>,
    /// Where the reader began.
    base: usize,
    record: ByteRecord,
    /// The column of each slot.
    columns: Vec<usize>,
    cells: usize,
    index: usize,
    limit: usize,
    budget_bytes: usize,
    is_over: bool,
}

/// A row that was read, for the parser.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    record: &'r ByteRecord,
    columns: &'r [usize],
    cells: usize,
}

impl<'r> Row<'r> {
    /// Has it as many cells as the header?
    pub(super) fn is_whole(&self) -> bool {
        self.record.len() == self.cells
    }

    /// What stands in the columns of the mapping.
    pub(super) fn slots(&self) -> Vec<Slot<'r>> {
        let cell = |column: &usize| self.record.get(*column).unwrap_or_default();
        self.columns.iter().map(|column| Slot::text(String::from_utf8_lossy(cell(column)))).collect()
    }

    /// Every cell, for an id where the mapping declares none.
    pub(super) fn content(&self) -> Vec<u8> {
        let mut content = Vec::new();
        for cell in self.record {
            content.extend_from_slice(&(cell.len() as u64).to_le_bytes());
            content.extend_from_slice(cell);
        }
        content
    }
}

impl<'a> Rows<'a> {
    /// Reads the header. `limit`: most rows.
    ///
    /// # Errors
    /// `HeaderError`, when the header does not fit the mapping: nothing of the body can be read then.
    pub fn open(body: &'a [u8], mapping: &Mapping, limit: usize) -> Result<Rows<'a>, HeaderError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let Form::Csv { delimiter, columns } = &mapping.form else {
            return Err(HeaderError::NoHeader { file: mapping.file.to_string() });
        };
        let mut reader = reader(body, *delimiter);
        let mut header = ByteRecord::new();
        if !reader.read_byte_record(&mut header).unwrap_or(false) {
            return Err(HeaderError::NoHeader { file: mapping.file.to_string() });
        }
        if header.len() > COLUMNS_MAX {
            return Err(HeaderError::TooManyColumns { file: mapping.file.to_string(), limit: COLUMNS_MAX });
        }
        let header_cells: Vec<Cow<'_, str>> = header.iter().map(String::from_utf8_lossy).collect();
        let columns = columns.iter().map(|column| find(&header_cells, column, mapping)).collect::<Result<_, _>>()?;
        Ok(Rows {
            body,
            delimiter: *delimiter,
            reader,
            base: 0,
            record: ByteRecord::new(),
            columns,
            cells: header.len(),
            index: 0,
            limit,
            budget_bytes: body.len().saturating_mul(RESYNC_FACTOR),
            is_over: false,
        })
    }

    /// The header line with its end, as it stands in the body.
    #[must_use]
    pub fn header(body: &'a [u8], mapping: &Mapping) -> &'a [u8] {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let Form::Csv { delimiter, .. } = &mapping.form else { return b"" };
        let mut reader = reader(body, *delimiter);
        reader.read_byte_record(&mut ByteRecord::new()).unwrap_or(false);
        body.get(..place(reader.position().byte())).unwrap_or_default()
    }

    /// The next row: where it stands, and what it holds.
    pub fn next_row(&mut self) -> Option<(Element<'a>, Row<'_>)> {
        let element = if self.is_over { None } else { self.advance() }?;
        let row = Row { record: &self.record, columns: &self.columns, cells: self.cells };
        Some((element, row))
    }

    fn advance(&mut self) -> Option<Element<'a>> {
        if !self.reader.read_byte_record(&mut self.record).unwrap_or(false) {
            return None;
        }
        let start = self.base + place(self.record.position().map_or(0, csv::Position::byte));
        let end = self.base + place(self.reader.position().byte());
        let start = start + leading_line_ends(self.body.get(start..end).unwrap_or_default());
        if self.index >= self.limit {
            self.is_over = true;
            return Some(self.element(start, self.body.len(), Some(Fault::TooMany)));
        }
        let bytes = self.body.get(start..end).unwrap_or_default().trim_ascii_end();
        let line_end = bytes.iter().position(|byte| *byte == b'\n');
        if let (true, Some(line_end)) = (self.record.len() != self.cells, line_end) {
            return Some(self.resync(start, start + line_end, bytes.len()));
        }
        let fault = (bytes.len() > EVENT_BYTES_MAX).then_some(Fault::TooLarge);
        Some(self.element(start, start + bytes.len(), fault))
    }

    /// Gives up the line from `start` to `line_end`, and goes on behind it.
    fn resync(&mut self, start: usize, line_end: usize, read_bytes: usize) -> Element<'a> {
        self.budget_bytes = self.budget_bytes.saturating_sub(read_bytes);
        if self.budget_bytes == 0 {
            self.is_over = true;
            return self.element(start, self.body.len(), Some(Fault::Broken));
        }
        self.base = line_end + 1;
        self.reader = reader(self.body.get(self.base..).unwrap_or_default(), self.delimiter);
        self.element(start, line_end, Some(Fault::Broken))
    }

    fn element(&mut self, start: usize, end: usize, fault: Option<Fault>) -> Element<'a> {
        let index = self.index;
        self.index += 1;
        Element { index, offset: start, bytes: self.body.get(start..end).unwrap_or_default().trim_ascii_end(), fault }
    }
}

/// The place of a column in the header.
fn find(header: &[Cow<'_, str>], column: &str, mapping: &Mapping) -> Result<usize, HeaderError> {
    let error = |problem| HeaderError::Column { file: mapping.file.to_string(), column: column.to_owned(), problem };
    let is_it = |cell: &Cow<'_, str>| cell.trim().eq_ignore_ascii_case(column.trim());
    let place = header.iter().position(is_it).ok_or_else(|| error("lacks"))?;
    if header.iter().filter(|cell| is_it(cell)).count() > 1 {
        return Err(error("has twice"));
    }
    Ok(place)
}

fn reader(body: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(body)
}

/// Empty lines before a row are not part of it.
fn leading_line_ends(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

fn place(byte: u64) -> usize {
    usize::try_from(byte).unwrap_or(usize::MAX)
}
