//! Columns of texts that hardly repeat: `String`.

use super::{
    Column,
    wire::{put_text, text_bytes},
};

/// A `String` column: all texts one behind the other, and where each ends.
#[derive(Default)]
pub(crate) struct Text {
    text: Vec<u8>,
    ends: Vec<usize>,
    encoded_bytes: usize,
}

impl Text {
    /// Adds one row.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
        self.ends.push(self.text.len());
        self.encoded_bytes += text_bytes(text.len());
    }

    fn get(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(row).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }
}

impl Column for Text {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.encoded_bytes = 0;
    }

    fn bytes(&self) -> usize {
        self.encoded_bytes
    }

    fn encode(&self, order: Option<&[u32]>, out: &mut Vec<u8>) {
        match order {
            None => (0..self.ends.len()).for_each(|row| put_text(self.get(row), out)),
            Some(order) => order.iter().for_each(|row| put_text(self.get(*row as usize), out)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_follow_the_order_of_rows() {
        let mut column = Text::default();
        ["a", "", "bcd"].iter().for_each(|text| column.push(text));
        let mut out = Vec::new();
        column.encode(Some(&[2, 0, 1]), &mut out);
        assert_eq!(out, b"\x03bcd\x01a\x00");
        assert_eq!(column.bytes(), out.len());
    }
}
