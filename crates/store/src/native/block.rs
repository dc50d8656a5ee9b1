//! Whole blocks: one macro turns the list of a table's columns into its row, its block and its header.
//!
//! A macro and not a function, because the row, the columns, `push`, `clear` and the header are one list in five places, and a column
//! that is forgotten in one of them would be a wrong value in another.

use bytes::Bytes;

/// Name and type of a column, spelled as `DESCRIBE TABLE` spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// The column's name.
    pub name: &'static str,
    /// The column's type.
    pub type_name: &'static str,
}

/// A block that is ready to be inserted. Its bytes are shared: a retry sends the same ones.
#[derive(Clone, Debug)]
pub struct EncodedBlock {
    /// The table that it is for.
    pub table: &'static str,
    /// The columns that it holds; the table gives its others their defaults.
    pub columns: &'static [ColumnType],
    /// How many rows.
    pub rows: usize,
    /// The block in Native format.
    pub body: Bytes,
}

/// Declares a table's row and block: `RowName<'life> => BlockName in "table" [sorted by method] { field: value => Column, "Type"; }`. A column
/// whose value is the same for many rows in succession may be marked, `"Type", shared;`: it can be pushed once for all of them. One marked
/// `"Type", grouped;` is pushed with others by a `Group`.
///
/// A field is named as its column; `field as "_name"` where the column has a name that Rust would not like.
macro_rules! native_block {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (@own $block:ident $row:ident $field:ident) => { $block.$field.push($row.$field); };
    (@own $block:ident $row:ident $field:ident shared) => {};
    (@own $block:ident $row:ident $field:ident grouped) => {};
    (@shared $block:ident $row:ident $rows:ident $field:ident) => {};
    (@shared $block:ident $row:ident $rows:ident $field:ident grouped) => {};
    (@shared $block:ident $row:ident $rows:ident $field:ident shared) => { $block.$field.push_many($row.$field, $rows); };
    (
        $(#[$row_meta:meta])* $row:ident<$life:lifetime> =>
        $(#[$block_meta:meta])* $block:ident in $table:literal $(sorted by $order:ident)? {
            $($(#[$meta:meta])* $field:ident $(as $name:literal)?: $value:ty => $column:ty, $type_name:expr $(, $mark:ident)?;)+
        }
    ) => {
        $(#[$row_meta])*
        #[derive(Clone)]
        pub struct $row<$life> { $($(#[$meta])* pub $field: $value),+ }

        $(#[$block_meta])*
        #[derive(Default)]
        pub struct $block { row_count: usize, $($field: $column),+ }

        impl $block {
            /// The table that the rows are for.
            pub const TABLE: &'static str = $table;

            /// The columns in the order of the block.
            pub const COLUMNS: &'static [$crate::native::ColumnType] = &[$($crate::native::ColumnType {
                name: $crate::native::native_block!(@name $field $($name)?),
                type_name: $type_name,
            }),+];

            /// An empty block.
            #[must_use]
            pub fn new() -> $block {
                $block::default()
            }

            /// Adds one row.
            pub fn push(&mut self, row: &$row<'_>) {
                self.row_count += 1;
                $(self.$field.push(row.$field);)+
            }

            /// Adds one row without the columns that are marked as shared or grouped: before anything else is done with the block, they must
            /// be added for just as many rows.
            pub fn push_own(&mut self, row: &$row<'_>) {
                self.row_count += 1;
                let block = self;
                $($crate::native::native_block!(@own block row $field $($mark)?);)+
            }

            /// Adds the columns that are marked as shared, for so many rows that `push_own` has added.
            pub fn push_shared(&mut self, row: &$row<'_>, rows: usize) {
                let block = self;
                let _ = (&block, row, rows);
                $($crate::native::native_block!(@shared block row rows $field $($mark)?);)+
            }

            /// Rows so far.
            #[must_use]
            pub fn rows(&self) -> usize {
                self.row_count
            }

            /// Bytes that the rows so far will take, header aside.
            #[must_use]
            pub fn bytes(&self) -> usize {
                use $crate::native::Column;
                let mut bytes = 0;
                $(bytes += self.$field.bytes();)+
                bytes
            }

            /// The block of all rows so far; what follows starts a new one. Memory and known texts are kept.
            #[must_use]
            pub fn take(&mut self) -> $crate::native::EncodedBlock {
                use $crate::native::{Column, lend, piece, put_header};
                let order: Option<Vec<u32>> = None;
                $(let order = order.or_else(|| Some(self.$order()));)?
                let mut out = piece(self.bytes() + 128 * Self::COLUMNS.len());
                let mut columns = Self::COLUMNS.iter();
                put_header(Self::COLUMNS.len(), self.row_count, &mut out);
                $(
                    $crate::native::put_column(columns.next(), &self.$field, self.row_count, order.as_deref(), &mut out);
                    self.$field.clear();
                )+
                let rows = std::mem::take(&mut self.row_count);
                $crate::native::EncodedBlock { table: Self::TABLE, columns: Self::COLUMNS, rows, body: lend(out) }
            }
        }
    };
}

pub(crate) use native_block;

/// Begins a block.
pub(crate) fn put_header(columns: usize, rows: usize, out: &mut Vec<u8>) {
    super::put_varint(columns, out);
    super::put_varint(rows, out);
}

/// Writes one column. A column without rows is its name and type: not even a dictionary's version follows.
pub(crate) fn put_column(
    column: Option<&ColumnType>,
    values: &impl super::Column,
    rows: usize,
    order: Option<&[u32]>,
    out: &mut Vec<u8>,
) {
    let Some(column) = column else { return };
    super::put_text(column.name.as_bytes(), out);
    super::put_text(column.type_name.as_bytes(), out);
    if rows > 0 {
        values.encode(order, out);
    }
}
