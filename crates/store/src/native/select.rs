//! A part of a block that is encoded already: some of its rows, as a block of their own.
//!
//! Needed where a block did not land whole: rows that are missing are sent again without the others, and a row that the table refuses is
//! found by halves. Rare, so it walks over the bytes of the whole block; the way of every day does not pay for it (the block need not be kept
//! in another form beside its bytes).

use super::{ColumnType, EncodedBlock, put_header, put_text, wire::take_varint};

/// The keys of a dictionary stand in the block itself; the byte below holds the width of the indexes.
const INDEX_WIDTH_MASK: u64 = 0xff;

/// A block that cannot be taken apart. Halt: it was not written by this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the block of {table} cannot be taken apart at the column {column}: {flaw}; this is a mistake in daylight")]
pub struct BadBlock {
    table: &'static str,
    column: &'static str,
    flaw: &'static str,
}

/// How the values of a column lie in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout<'t> {
    /// So many bytes each.
    Fixed(usize),
    /// A length and bytes each.
    Text,
    /// Keys, and an index each.
    Dictionary,
    /// Where each list ends (u64), then all elements, which have a layout of their own.
    List(&'t str),
}

impl Layout<'_> {
    /// By the type as the table spells it.
    fn of(type_name: &str) -> Option<Layout<'_>> {
        if let Some(inner) = type_name.strip_prefix("SimpleAggregateFunction(") {
            return Layout::of(inner.strip_suffix(')')?.split_once(", ")?.1);
        }
        if let Some(inner) = type_name.strip_prefix("Array(") {
            return inner.strip_suffix(')').map(Layout::List);
        }
        if let Some(width) = type_name.strip_prefix("FixedString(") {
            return width.strip_suffix(')')?.parse().ok().map(Layout::Fixed);
        }
        let head = type_name.split('(').next().unwrap_or_default();
        Some(match head {
            "String" => Layout::Text,
            "LowCardinality" => Layout::Dictionary,
            "UInt8" | "Bool" | "Enum8" => Layout::Fixed(1),
            "UInt16" | "Int16" | "Date" => Layout::Fixed(2),
            "UInt32" => Layout::Fixed(4),
            "UInt64" | "Int64" | "DateTime64" => Layout::Fixed(8),
            "UInt128" | "IPv6" => Layout::Fixed(16),
            _ => return None,
        })
    }
}

impl EncodedBlock {
    /// The rows of these numbers (from 0), in this order, as a block of their own.
    ///
    /// # Errors
    /// `BadBlock` for a block that this crate has not written, or a number beyond its rows.
    pub fn select(&self, rows: &[usize]) -> Result<EncodedBlock, BadBlock> {
        let mut out = Vec::with_capacity(self.body.len() / self.rows.max(1) * rows.len() + 4_096);
        put_header(self.columns.len(), rows.len(), &mut out);
        self.walk(&mut |column, values| {
            put_text(column.name.as_bytes(), &mut out);
            put_text(column.type_name.as_bytes(), &mut out);
            if rows.is_empty() {
                return Some(());
            }
            values.put(rows, &mut out)
        })?;
        Ok(EncodedBlock { table: self.table, columns: self.columns, rows: rows.len(), body: out.into() })
    }

    /// The values of a column of unsigned numbers or times of at most 8 bytes.
    ///
    /// # Errors
    /// `BadBlock` where there is no such column.
    pub fn numbers(&self, name: &'static str) -> Result<Vec<u64>, BadBlock> {
        self.column(name, &mut |values| match values {
            Values::Fixed { width, bytes } if *width <= 8 => Some(bytes.chunks_exact(*width).map(number_of).collect()),
            _ => None,
        })
    }

    /// The values of a column of texts.
    ///
    /// # Errors
    /// `BadBlock` where there is no such column.
    pub fn texts(&self, name: &'static str) -> Result<Vec<String>, BadBlock> {
        let lossy = |bytes: &&[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.column(name, &mut |values| match values {
            Values::Text(texts) => Some(texts.iter().map(lossy).collect()),
            Values::Dictionary { keys, indexes, .. } => {
                indexes.iter().map(|index| keys.get(*index).map(lossy)).collect::<Option<Vec<_>>>()
            }
            Values::Fixed { .. } | Values::List { .. } => None,
        })
    }

    fn column<T>(
        &self,
        name: &'static str,
        read: &mut dyn FnMut(&Values<'_>) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, BadBlock> {
        let mut found = (self.rows == 0 && self.columns.iter().any(|column| column.name == name)).then(Vec::new);
        self.walk(&mut |column, values| {
            if column.name == name {
                found = Some(read(values)?);
            }
            Some(())
        })?;
        found.ok_or(BadBlock { table: self.table, column: name, flaw: "there is no such column" })
    }

    /// Calls `visit` with the values of each column, in the order of the block.
    fn walk(&self, visit: &mut dyn FnMut(&ColumnType, &Values<'_>) -> Option<()>) -> Result<(), BadBlock> {
        let bad = |column, flaw| BadBlock { table: self.table, column, flaw };
        let mut rest: &[u8] = &self.body;
        let header = take_varint(&mut rest).zip(take_varint(&mut rest));
        if header != Some((self.columns.len(), self.rows)) {
            return Err(bad("", "its header is not what the block says about itself"));
        }
        for column in self.columns {
            let (name, type_name) = (take_text(&mut rest), take_text(&mut rest));
            if (name, type_name) != (Some(column.name.as_bytes()), Some(column.type_name.as_bytes())) {
                return Err(bad(column.name, "another name or type"));
            }
            if self.rows == 0 {
                continue;
            }
            let layout = Layout::of(column.type_name).ok_or(bad(column.name, "a type without a known layout"))?;
            let values = Values::take(layout, self.rows, &mut rest).ok_or(bad(column.name, "it ends too early"))?;
            visit(column, &values).ok_or(bad(column.name, "it is not of the kind, or has no such row"))?;
        }
        if rest.is_empty() { Ok(()) } else { Err(bad("", "bytes behind the last column")) }
    }
}

/// The values of one column.
enum Values<'b> {
    Fixed { width: usize, bytes: &'b [u8] },
    Text(Vec<&'b [u8]>),
    Dictionary { head: &'b [u8], keys: Vec<&'b [u8]>, width: usize, indexes: Vec<usize> },
    List { ends: Vec<usize>, elements: Box<Values<'b>> },
}

impl<'b> Values<'b> {
    fn take(layout: Layout<'_>, rows: usize, rest: &mut &'b [u8]) -> Option<Values<'b>> {
        match layout {
            Layout::Fixed(width) => Some(Values::Fixed { width, bytes: take(rest, width.checked_mul(rows)?)? }),
            Layout::Text => (0..rows).map(|_| take_text(rest)).collect::<Option<_>>().map(Values::Text),
            Layout::Dictionary => Values::take_dictionary(rows, rest),
            Layout::List(inner) => {
                let ends = take(rest, rows.checked_mul(8)?)?.chunks_exact(8).map(index_of);
                let ends: Vec<usize> = ends.collect::<Option<_>>()?;
                let count = ends.last().copied().unwrap_or(0);
                let elements = Box::new(Values::take(Layout::of(inner)?, count, rest)?);
                Some(Values::List { ends, elements })
            }
        }
    }

    fn take_dictionary(rows: usize, rest: &mut &'b [u8]) -> Option<Values<'b>> {
        let head = take(rest, 16)?;
        let width = 1_usize.checked_shl(u32::try_from(number_of(head.get(8..)?) & INDEX_WIDTH_MASK).ok()?)?;
        let keys = index_of(take(rest, 8)?)?;
        let keys: Vec<&[u8]> = (0..keys).map(|_| take_text(rest)).collect::<Option<_>>()?;
        if index_of(take(rest, 8)?)? != rows {
            return None;
        }
        let indexes = take(rest, width.checked_mul(rows)?)?.chunks_exact(width).map(index_of);
        Some(Values::Dictionary { head, keys, width, indexes: indexes.collect::<Option<_>>()? })
    }

    /// Writes the values of these rows. A dictionary keeps all of its keys: some are then used by nobody.
    fn put(&self, rows: &[usize], out: &mut Vec<u8>) -> Option<()> {
        match self {
            Values::Fixed { width, bytes } => {
                for row in rows {
                    out.extend_from_slice(chunk(bytes, *width, *row)?);
                }
                Some(())
            }
            Values::Text(texts) => {
                for row in rows {
                    put_text(texts.get(*row)?, out);
                }
                Some(())
            }
            Values::Dictionary { head, keys, width, indexes } => {
                out.extend_from_slice(head);
                out.extend_from_slice(&(keys.len() as u64).to_le_bytes());
                keys.iter().for_each(|key| put_text(key, out));
                out.extend_from_slice(&(rows.len() as u64).to_le_bytes());
                for row in rows {
                    out.extend_from_slice(indexes.get(*row)?.to_le_bytes().get(..*width)?);
                }
                Some(())
            }
            Values::List { ends, elements } => {
                let mut chosen = Vec::new();
                for row in rows {
                    let start = row.checked_sub(1).map_or(Some(0), |before| ends.get(before).copied())?;
                    chosen.extend(start..*ends.get(*row)?);
                    out.extend_from_slice(&(chosen.len() as u64).to_le_bytes());
                }
                elements.put(&chosen, out)
            }
        }
    }
}

fn chunk(bytes: &[u8], width: usize, row: usize) -> Option<&[u8]> {
    let start = row.checked_mul(width)?;
    bytes.get(start..start.checked_add(width)?)
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_text<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = take_varint(rest)?;
    take(rest, length)
}

/// A little-endian number of at most 8 bytes.
fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn index_of(bytes: &[u8]) -> Option<usize> {
    usize::try_from(number_of(bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AppRow, AppsBlock, CLOSED_SETS, EventRow, EventsBlock};

    fn event(number: u64) -> EventRow<'static> {
        const TENANTS: [&str; 3] = ["acme", "zenith", "brightwater"];
        EventRow {
            event_id: u128::from(number) << 64 | 7,
            tenant: TENANTS[usize::try_from(number % 3).unwrap()],
            native_id: ["", "one", "another"][usize::try_from(number % 3).unwrap()],
            offset: number / 3,
            index: u16::try_from(number % 3).unwrap(),
            is_mfa: number.is_multiple_of(2),
            ..EventRow::EMPTY
        }
    }

    fn events(numbers: impl Iterator<Item = u64>) -> EncodedBlock {
        let mut block = EventsBlock::new();
        numbers.for_each(|number| block.push(&event(number)));
        block.take()
    }

    #[test]
    fn every_column_that_we_write_has_a_layout() {
        for (_, type_name) in CLOSED_SETS {
            assert_eq!(Layout::of(type_name), Some(Layout::Fixed(1)), "{type_name}");
        }
        for (type_name, layout) in [
            ("SimpleAggregateFunction(groupUniqArrayArray, Array(String))", Layout::List("String")),
            ("SimpleAggregateFunction(min, DateTime64(3, 'UTC'))", Layout::Fixed(8)),
            ("FixedString(32)", Layout::Fixed(32)),
            ("LowCardinality(String)", Layout::Dictionary),
        ] {
            assert_eq!(Layout::of(type_name), Some(layout), "{type_name}");
        }
        assert_eq!(Layout::of("Nullable(UInt8)"), None);
    }

    #[test]
    fn all_rows_of_a_block_are_the_block() {
        let block = events(0..9);
        assert_eq!(block.select(&[0, 1, 2, 3, 4, 5, 6, 7, 8]).unwrap().body, block.body);
        let none = block.select(&[]).unwrap();
        assert_eq!((none.rows, none.texts("tenant"), none.numbers("_offset")), (0, Ok(vec![]), Ok(vec![])));
        assert!(none.numbers("x").is_err());
    }

    #[test]
    fn some_rows_are_those_rows_and_no_others() {
        let block = events(0..300);
        let (offsets, indexes, tenants) =
            (block.numbers("_offset").unwrap(), block.numbers("_index").unwrap(), block.texts("tenant").unwrap());
        let chosen: Vec<usize> = (0..300).filter(|row| row % 7 == 3).collect();
        let part = block.select(&chosen).unwrap();
        let of = |all: &[u64]| chosen.iter().map(|row| all[*row]).collect::<Vec<_>>();
        assert_eq!(part.rows, chosen.len());
        assert_eq!(part.numbers("_offset").unwrap(), of(&offsets));
        assert_eq!(part.numbers("_index").unwrap(), of(&indexes));
        assert_eq!(part.texts("tenant").unwrap(), chosen.iter().map(|row| tenants[*row].clone()).collect::<Vec<_>>());
        let one = part.select(&[5]).unwrap();
        let number = one.numbers("_offset").unwrap()[0] * 3 + one.numbers("_index").unwrap()[0];
        assert_eq!(one.texts("native_id").unwrap(), [event(number).native_id]);
    }

    #[test]
    fn lists_stay_with_their_rows() {
        let block = |lists: &[&[&str]]| {
            let mut apps = AppsBlock::new();
            for app_refs in lists {
                apps.push(&AppRow {
                    tenant: "acme",
                    app_key: "k",
                    name: "n",
                    category: "",
                    is_first_party: false,
                    app_refs,
                    first_seen_at: 1,
                    last_seen_at: 2,
                });
            }
            apps.take()
        };
        let all = block(&[&["x", "y"], &[], &["z"], &["u", "v", "w"]]);
        for (rows, lists) in
            [(&[3][..], &[&["u", "v", "w"][..]][..]), (&[1, 2], &[&[], &["z"]]), (&[0], &[&["x", "y"]])]
        {
            assert_eq!(all.select(rows).unwrap().body, block(lists).body, "{rows:?}");
        }
    }

    #[test]
    fn what_is_not_our_block_is_said_to_be_none() {
        let block = events(0..3);
        assert!(block.select(&[3]).is_err(), "there is no such row");
        assert!(block.numbers("native_id").is_err() && block.texts("_offset").is_err() && block.numbers("x").is_err());
        let cut = EncodedBlock { body: block.body.slice(..block.body.len() - 1), ..block.clone() };
        assert!(cut.select(&[0]).is_err());
        let miscounted = EncodedBlock { rows: 2, ..block };
        assert!(miscounted.select(&[0]).is_err());
    }
}
