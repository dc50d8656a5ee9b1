//! Columns of a fixed width: numbers, times, enums (as their wire index), booleans and byte arrays.

use super::Column;

/// A value whose bytes in a block are its little-endian bytes, or for an array of bytes, the array.
pub(crate) trait FixedValue: Copy + Default + PartialEq {
    /// Bytes of one value.
    const WIDTH: usize;
    /// The array that holds them.
    type Bytes: AsRef<[u8]>;
    /// The bytes in ClickHouse's order.
    fn wire(self) -> Self::Bytes;
}

macro_rules! little_endian {
    ($($number:ty),+) => {
        $(impl FixedValue for $number {
            const WIDTH: usize = size_of::<$number>();
            type Bytes = [u8; size_of::<$number>()];
            fn wire(self) -> Self::Bytes {
                self.to_le_bytes()
            }
        })+
    };
}

little_endian!(u8, u16, u32, u64, u128, i16, i64);

/// `Bool` is a byte, 0 or 1.
impl FixedValue for bool {
    const WIDTH: usize = 1;
    type Bytes = [u8; 1];
    fn wire(self) -> [u8; 1] {
        [u8::from(self)]
    }
}

/// `IPv6`: 16 bytes in network order.
impl FixedValue for [u8; 16] {
    const WIDTH: usize = 16;
    type Bytes = [u8; 16];
    fn wire(self) -> [u8; 16] {
        self
    }
}

/// `FixedString(32)`: a SHA-256 sum.
impl FixedValue for [u8; 32] {
    const WIDTH: usize = 32;
    type Bytes = [u8; 32];
    fn wire(self) -> [u8; 32] {
        self
    }
}

/// A column of such values. While all rows hold the same one, as in most columns of most blocks, only that and their number are kept: half
/// of a row's bytes would otherwise be written twice and read once for nothing.
#[derive(Default)]
pub(crate) struct Fixed<T> {
    /// The value of the first `same_rows` rows; then `values` is empty.
    same: T,
    same_rows: usize,
    values: Vec<T>,
}

impl<T: FixedValue> Fixed<T> {
    /// Adds one row.
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        if self.values.is_empty() {
            if self.same_rows == 0 || value == self.same {
                self.same = value;
                self.same_rows += 1;
                return;
            }
            self.values.resize(self.same_rows, self.same);
            self.same_rows = 0;
        }
        self.values.push(value);
    }

    /// Adds so many rows of one value.
    pub(crate) fn push_many(&mut self, value: T, rows: usize) {
        if rows == 0 {
            return;
        }
        self.push(value);
        if self.values.is_empty() {
            self.same_rows += rows - 1;
        } else {
            self.values.resize(self.values.len() + rows - 1, value);
        }
    }

    /// The rows so far.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        std::iter::repeat_n(self.same, self.same_rows).chain(self.values.iter().copied())
    }
}

impl<T: FixedValue> Column for Fixed<T> {
    fn clear(&mut self) {
        self.same_rows = 0;
        self.values.clear();
    }

    fn bytes(&self) -> usize {
        (self.same_rows + self.values.len()) * T::WIDTH
    }

    fn encode(&self, order: Option<&[u32]>, out: &mut Vec<u8>) {
        match order {
            Some(order) if self.same_rows == 0 => {
                let values = order.iter().map(|row| self.values.get(*row as usize).copied().unwrap_or_default());
                put_values(values, order.len(), out);
            }
            _ if self.same_rows > 0 => put_values(std::iter::repeat_n(self.same, self.same_rows), self.same_rows, out),
            _ => put_values(self.values.iter().copied(), self.values.len(), out),
        }
    }
}

/// Writes `count` values into space that is made once: checking the room for each value costs more than the value.
pub(super) fn put_values<T: FixedValue>(values: impl Iterator<Item = T>, count: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + count * T::WIDTH, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    for (place, value) in room.chunks_exact_mut(T::WIDTH).zip(values) {
        place.copy_from_slice(value.wire().as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_little_endian_and_follow_the_order_of_rows() {
        let mut column = Fixed::<u16>::default();
        for value in [0x0102, 0x0304] {
            column.push(value);
        }
        let mut out = vec![9];
        column.encode(None, &mut out);
        column.encode(Some(&[1, 0]), &mut out);
        assert_eq!(out, [9, 2, 1, 4, 3, 4, 3, 2, 1]);
        assert_eq!(column.bytes(), 4);
    }

    #[test]
    fn rows_that_are_all_the_same_are_written_as_any_others_and_after_a_block_of_them_comes_another() {
        for rows in [&[7, 7, 7][..], &[7, 7, 8], &[7], &[]] {
            let mut column = Fixed::<u16>::default();
            for block in [&[9, 9][..], rows, &[1, 2], rows] {
                column.clear();
                block.iter().for_each(|value| column.push(*value));
                assert!(column.iter().eq(block.iter().copied()));
                let order: Vec<u32> = (0..u32::try_from(block.len()).unwrap()).rev().collect();
                let (mut out, mut turned) = (Vec::new(), Vec::new());
                column.encode(None, &mut out);
                column.encode(Some(&order), &mut turned);
                assert_eq!(out, block.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
                assert_eq!(turned, block.iter().rev().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
                assert_eq!(column.bytes(), out.len());
            }
        }
    }
}
