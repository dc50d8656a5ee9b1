//! The two primitives that everything else is written with: the varint, and the text behind its length.

/// Writes an unsigned LEB128 number, as ClickHouse does for lengths and counts.
pub(crate) fn put_varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    out.push(low_byte(number));
}

/// Writes a text: its length in bytes, then the bytes.
pub(crate) fn put_text(text: &[u8], out: &mut Vec<u8>) {
    put_varint(text.len(), out);
    out.extend_from_slice(text);
}

/// Takes an unsigned LEB128 number off the front.
pub(crate) fn take_varint(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        number |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Bytes that a text takes.
pub(crate) fn text_bytes(length: usize) -> usize {
    let mut bytes = length + 1;
    let mut rest = length >> 7;
    while rest > 0 {
        bytes += 1;
        rest >>= 7;
    }
    bytes
}

#[expect(clippy::cast_possible_truncation, reason = "only the low seven bits are wanted")]
fn low_byte(number: usize) -> u8 {
    (number & 0x7f) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_takes_seven_bits_a_byte_low_ones_first() {
        for (number, bytes) in [
            (0, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0x80, 1]),
            (300, vec![0xac, 2]),
            (1 << 21, vec![0x80, 0x80, 0x80, 1]),
        ] {
            let mut out = Vec::new();
            put_varint(number, &mut out);
            assert_eq!(out, bytes, "{number}");
            let mut rest: &[u8] = &out;
            assert_eq!((take_varint(&mut rest), rest), (Some(number), &[][..]));
        }
    }

    #[test]
    fn a_varint_that_does_not_end_is_none() {
        for bytes in [&[][..], &[0x80], &[0x80; 20]] {
            assert_eq!(take_varint(&mut &*bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn the_size_of_a_text_is_told_in_advance() {
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            let mut out = Vec::new();
            put_text(&vec![b'x'; length], &mut out);
            assert_eq!(out.len(), text_bytes(length), "{length}");
        }
    }
}
