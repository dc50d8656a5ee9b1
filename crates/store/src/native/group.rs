//! Texts of several columns that come together: the browser, its version and its system; an app's key, id, name and category. Looked up once for
//! all of them by a key that tells them apart, instead of text by text.
//!
//! A block's texts are numbered anew in each block, so a group forgets everything with it. Keys that are met running are only counted, and
//! added to the columns when another comes, or with `settle`: before that, the columns miss these rows.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Dictionary, words::is_same};

/// Bytes of a number in `known`.
const NUMBER_BYTES: usize = size_of::<u32>();

/// Combinations that a block may have before it is asked whether they repeat at all.
const COMBINATIONS_FREE: usize = 4_096;

/// The keys of `N` columns that come together.
///
/// A block writes so much that what is known is seldom in a near cache when it is asked for. So all that is known of a combination lies in one
/// place, behind one look into a small table.
pub(crate) struct Group<const N: usize> {
    hasher: DefaultHashBuilder,
    table: HashTable<Place>,
    /// Of each combination one behind the other: the length of its key, what its texts are in the `N` columns of this block (a u32 each), its key.
    known: Vec<u8>,
    combinations: usize,
    /// The combination of the row before, and how many rows of it the columns do not have yet.
    last: u32,
    run: usize,
    /// Rows of this block.
    rows: usize,
    /// More than half of them came with a combination of their own: looking for one costs more than it saves.
    is_hopeless: bool,
}

/// Where a combination stands in `known`, and the hash of its key.
#[derive(Clone, Copy)]
struct Place {
    hash: u32,
    start: u32,
}

impl Place {
    /// What the table wants: it takes the place from the lowest bits and a mark from the highest.
    fn table_hash(hash: u32) -> u64 {
        u64::from(hash) << 32 | u64::from(hash)
    }
}

impl<const N: usize> Default for Group<N> {
    fn default() -> Group<N> {
        let (hasher, table) = (DefaultHashBuilder::default(), HashTable::new());
        Group { hasher, table, known: Vec::new(), combinations: 0, last: 0, run: 0, rows: 0, is_hopeless: false }
    }
}

impl<const N: usize> Group<N> {
    /// Adds so many rows, one at least. Equal keys stand for equal texts; an empty key says nothing of them.
    #[inline]
    pub(crate) fn push(&mut self, key: &[u8], columns: [&mut Dictionary; N], texts: [&str; N], rows: usize) {
        self.rows += rows;
        if !key.is_empty() && self.is_known(self.last, key) {
            self.run += rows;
            return;
        }
        self.push_other(key, columns, texts, rows);
    }

    fn push_other(&mut self, key: &[u8], mut columns: [&mut Dictionary; N], texts: [&str; N], rows: usize) {
        self.settle(columns.each_mut().map(|column| &mut **column));
        if key.is_empty() || self.is_hopeless {
            for (column, text) in columns.iter_mut().zip(texts) {
                column.push_many(text, rows);
            }
            return;
        }
        let hash = half(self.hasher.hash_one(key));
        let is_key = |place: &Place| place.hash == hash && self.is_known(place.start, key);
        let found = self.table.find(Place::table_hash(hash), is_key).map(|place| place.start);
        self.last = found.unwrap_or_else(|| {
            let mut numbers = [0; N];
            for ((number, column), text) in numbers.iter_mut().zip(&mut columns).zip(texts) {
                *number = column.number_of(text);
            }
            self.insert(hash, key, numbers)
        });
        self.run = rows;
    }

    /// Adds the rows that were only counted.
    #[inline]
    pub(crate) fn settle(&mut self, columns: [&mut Dictionary; N]) {
        if self.run == 0 {
            return;
        }
        let numbers = self.known.get(self.last as usize + NUMBER_BYTES..).unwrap_or_default();
        for (column, number) in columns.into_iter().zip(numbers.as_chunks().0) {
            column.push_number(u32::from_le_bytes(*number), self.run);
        }
        self.run = 0;
    }

    /// Forgets the block.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.known.clear();
        (self.combinations, self.last, self.run, self.rows, self.is_hopeless) = (0, 0, 0, 0, false);
    }

    fn is_known(&self, start: u32, key: &[u8]) -> bool {
        let known = self.known.get(start as usize..).unwrap_or_default();
        let length = known.first_chunk().map_or(usize::MAX, |length| u32::from_le_bytes(*length) as usize);
        let begin = NUMBER_BYTES * (1 + N);
        length == key.len() && known.get(begin..begin + length).is_some_and(|known| is_same(known, key))
    }

    fn insert(&mut self, hash: u32, key: &[u8], numbers: [u32; N]) -> u32 {
        // A block ends long before it has 4 GiB of keys.
        let start = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
        self.known.extend_from_slice(&length.to_le_bytes());
        self.known.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self.known.extend_from_slice(key);
        self.combinations += 1;
        self.is_hopeless = self.combinations > COMBINATIONS_FREE && self.combinations > self.rows / 2;
        let place = Place { hash, start };
        self.table.insert_unique(Place::table_hash(hash), place, |place| Place::table_hash(place.hash));
        start
    }
}

/// The lower half of a number.
#[expect(clippy::cast_possible_truncation, reason = "the other half is not wanted")]
const fn half(number: u64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Column;

    fn encoded(columns: &[Dictionary; 2]) -> Vec<Vec<u8>> {
        let encode = |column: &Dictionary| {
            let mut out = Vec::new();
            column.encode(None, &mut out);
            out
        };
        columns.iter().map(encode).collect()
    }

    /// Pushes each pair of texts into columns of a group and into plain ones, and compares what both write.
    fn compare(blocks: &[Vec<(String, String)>], key_of: impl Fn(usize, &str, &str) -> Vec<u8>) {
        let (mut group, mut grouped, mut plain) =
            (Group::<2>::default(), <[Dictionary; 2]>::default(), <[Dictionary; 2]>::default());
        for block in blocks {
            for (row, (one, other)) in block.iter().enumerate() {
                group.push(&key_of(row, one, other), grouped.each_mut(), [one, other], 1);
                plain.iter_mut().zip([one, other]).for_each(|(column, text)| column.push(text));
                if row % 1_000 == 7 {
                    group.settle(grouped.each_mut());
                }
            }
            group.settle(grouped.each_mut());
            assert!(encoded(&grouped) == encoded(&plain));
            group.clear();
            grouped.iter_mut().chain(&mut plain).for_each(Column::clear);
        }
    }

    fn pairs(rows: usize, kinds: usize) -> Vec<(String, String)> {
        (0..rows).map(|row| (format!("one {}", row / 3 % kinds), format!("other {}", row % 2))).collect()
    }

    #[test]
    fn texts_that_come_together_stand_as_those_that_come_alone() {
        let blocks = [pairs(100, 3), pairs(1, 1), Vec::new(), pairs(5_000, 700), pairs(10, 10)];
        compare(&blocks, |_, one, other| format!("{one}/{other}").into_bytes());
    }

    #[test]
    fn keys_that_differ_in_one_byte_or_in_length_alone_are_told_apart() {
        for length in [1, 2, 7, 8, 9, 15, 16, 17, 24, 31] {
            let base = vec![0_u8; length];
            let differing = (0..length).map(|at| {
                let mut key = base.clone();
                key[at] = 1;
                key
            });
            let keys: Vec<Vec<u8>> = differing.chain([base.clone(), vec![0; length + 1]]).collect();
            let (mut group, mut columns) = (Group::<1>::default(), [Dictionary::default()]);
            for _ in 0..2 {
                for key in &keys {
                    group.push(key, columns.each_mut(), [format!("{key:?}").as_str()], 1);
                }
            }
            group.settle(columns.each_mut());
            assert_eq!(group.combinations, keys.len());
            let numbers: Vec<u32> = columns[0].numbers().collect();
            assert!(numbers.iter().copied().eq((0..2).flat_map(|_| 0..u32::try_from(keys.len()).unwrap())));
        }
    }

    #[test]
    fn a_row_without_a_key_is_added_text_by_text() {
        compare(&[pairs(100, 3), pairs(100, 3)], |row, one, other| {
            if row % 5 == 0 { Vec::new() } else { format!("{one}/{other}").into_bytes() }
        });
    }

    #[test]
    fn combinations_that_never_repeat_are_not_remembered_without_end() {
        let rows = 3 * COMBINATIONS_FREE;
        let (mut group, mut columns) = (Group::<1>::default(), [Dictionary::default()]);
        for row in 0..rows {
            group.push(&row.to_le_bytes(), columns.each_mut(), ["same"], 1);
        }
        assert_eq!(group.combinations, COMBINATIONS_FREE + 1);
        compare(&[pairs(rows, rows)], |row, _, _| row.to_le_bytes().to_vec());
    }
}
