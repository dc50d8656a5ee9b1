//! Columns of texts that hardly repeat: `String`.

use super::{Column, wire::put_text};

/// A `String` column: all texts as they are written, one behind the other, and where each ends. While all are empty only their number.
#[derive(Default)]
pub(crate) struct Text {
    empty_rows: usize,
    encoded: Vec<u8>,
    ends: Vec<usize>,
}

impl Text {
    /// Adds one row.
    #[inline]
    pub(crate) fn push(&mut self, text: &str) {
        if self.ends.is_empty() {
            if text.is_empty() {
                self.empty_rows += 1;
                return;
            }
            self.encoded.resize(self.empty_rows, 0);
            self.ends.extend(1..=self.empty_rows);
            self.empty_rows = 0;
        }
        put_text(text.as_bytes(), &mut self.encoded);
        self.ends.push(self.encoded.len());
    }

    /// A row as it is written.
    fn row(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(row).copied().unwrap_or(start);
        self.encoded.get(start..end).unwrap_or_default()
    }
}

impl Column for Text {
    fn clear(&mut self) {
        self.empty_rows = 0;
        self.encoded.clear();
        self.ends.clear();
    }

    fn bytes(&self) -> usize {
        self.empty_rows + self.encoded.len()
    }

    fn encode(&self, order: Option<&[u32]>, out: &mut Vec<u8>) {
        match order {
            Some(order) if self.empty_rows == 0 => {
                order.iter().for_each(|row| out.extend_from_slice(self.row(*row as usize)));
            }
            _ if self.empty_rows > 0 => out.resize(out.len() + self.empty_rows, 0),
            _ => out.extend_from_slice(&self.encoded),
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

    #[test]
    fn empty_texts_are_written_as_any_others_and_after_a_block_of_them_comes_another() {
        for texts in [&["", "", ""][..], &["", "", "a", ""], &["b"], &[]] {
            let mut column = Text::default();
            for block in [&["", ""][..], texts, &["c"], texts] {
                column.clear();
                block.iter().for_each(|text| column.push(text));
                let order: Vec<u32> = (0..u32::try_from(block.len()).unwrap()).rev().collect();
                let (mut out, mut turned, mut expected) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
                column.encode(None, &mut out);
                column.encode(Some(&order), &mut turned);
                block.iter().for_each(|text| put_text(text.as_bytes(), &mut expected[0]));
                block.iter().rev().for_each(|text| put_text(text.as_bytes(), &mut expected[1]));
                assert_eq!([out, turned], expected);
                assert_eq!(column.bytes(), expected[0].len());
            }
        }
    }
}
