//! Columns of a fixed width: numbers, times, enums (as their wire index), booleans and byte arrays.

use super::Column;

/// A value whose bytes in a block are its little-endian bytes, or for an array of bytes, the array.
pub(crate) trait FixedValue: Copy + Default {
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

/// A column of such values.
#[derive(Default)]
pub(crate) struct Fixed<T> {
    values: Vec<T>,
}

impl<T: FixedValue> Fixed<T> {
    /// Adds one row.
    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
    }

    /// The rows so far.
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }
}

impl<T: FixedValue> Column for Fixed<T> {
    fn clear(&mut self) {
        self.values.clear();
    }

    fn bytes(&self) -> usize {
        self.values.len() * T::WIDTH
    }

    fn encode(&self, order: Option<&[u32]>, out: &mut Vec<u8>) {
        match order {
            None => put_values(self.values.iter().copied(), self.values.len(), out),
            Some(order) => {
                let values = order.iter().map(|row| self.values.get(*row as usize).copied().unwrap_or_default());
                put_values(values, order.len(), out);
            }
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
}
