//! Columns of lists: `Array(String)`, `Array(UInt128)`, `Array(Int16)`.

use super::{
    Column,
    fixed::{Fixed, FixedValue, put_values},
    text::Text,
};

/// A column of lists: where each list ends, counted in elements, then all elements as a column of their own.
#[derive(Default)]
pub(crate) struct List<C> {
    elements: C,
    element_count: u32,
    ends: Vec<u32>,
}

impl List<Text> {
    /// Adds one row.
    pub(crate) fn push(&mut self, list: &[&str]) {
        list.iter().for_each(|text| self.elements.push(text));
        self.close(list.len());
    }
}

impl<T: FixedValue> List<Fixed<T>> {
    /// Adds one row.
    pub(crate) fn push(&mut self, list: &[T]) {
        list.iter().for_each(|value| self.elements.push(*value));
        self.close(list.len());
    }
}

impl<C: Column> List<C> {
    fn close(&mut self, length: usize) {
        self.element_count = self.element_count.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        self.ends.push(self.element_count);
    }

    /// The elements of a row, by their places.
    fn get(&self, row: usize) -> std::ops::Range<u32> {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        start..self.ends.get(row).copied().unwrap_or(start)
    }
}

impl<C: Column> Column for List<C> {
    fn clear(&mut self) {
        self.elements.clear();
        self.element_count = 0;
        self.ends.clear();
    }

    fn bytes(&self) -> usize {
        self.elements.bytes() + self.ends.len() * size_of::<u64>()
    }

    fn encode(&self, order: Option<&[u32]>, out: &mut Vec<u8>) {
        let Some(order) = order else {
            put_values(self.ends.iter().map(|end| u64::from(*end)), self.ends.len(), out);
            return self.elements.encode(None, out);
        };
        let lists = order.iter().map(|row| self.get(*row as usize));
        let ends = lists.clone().scan(0_u64, |end, list| {
            *end += list.len() as u64;
            Some(*end)
        });
        put_values(ends, order.len(), out);
        let elements: Vec<u32> = lists.flatten().collect();
        self.elements.encode(Some(&elements), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_its_end_and_then_its_elements() {
        let mut column = List::<Text>::default();
        column.push(&["x", "y"]);
        column.push(&[]);
        column.push(&["z"]);
        let mut out = Vec::new();
        column.encode(Some(&[2, 1, 0]), &mut out);
        let ends = [1_u64, 1, 3].map(u64::to_le_bytes).concat();
        assert_eq!(out, [ends, b"\x01z\x01x\x01y".to_vec()].concat());
        assert_eq!(column.bytes(), out.len());
    }

    #[test]
    fn a_list_of_numbers_in_the_order_of_rows() {
        let mut column = List::<Fixed<i16>>::default();
        column.push(&[-1, 2]);
        column.push(&[]);
        let mut out = Vec::new();
        column.encode(None, &mut out);
        assert_eq!(out, [[2_u64, 2].map(u64::to_le_bytes).concat(), vec![0xff, 0xff, 2, 0]].concat());
    }
}
