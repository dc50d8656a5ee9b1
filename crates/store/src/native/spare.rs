//! Memory of blocks that are gone, for those that come. A block of 200,000 events is 50 MB: asked for anew each time, the kernel clears every
//! page of it first, which cost a fifth of all that a sink does (measured).

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Blocks below it come from the allocator, which keeps such pieces itself.
const KEPT_BYTES_MIN: usize = 1 << 20;

/// How many pieces are kept: as many as are written or on their way at once in the usual case.
const KEPT_MAX: usize = 4;

/// Pieces above it go back.
const KEPT_BYTES_MAX: usize = 128 << 20;

/// One for the process, as an allocator is.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Bytes whose memory is kept when the last who holds them lets go.
struct Lent(Vec<u8>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut piece = std::mem::take(&mut self.0);
        if (KEPT_BYTES_MIN..=KEPT_BYTES_MAX).contains(&piece.capacity()) {
            piece.clear();
            let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
            if spare.len() < KEPT_MAX {
                spare.push(piece);
            }
        }
    }
}

/// An empty piece with room for so many bytes.
pub(crate) fn piece(bytes: usize) -> Vec<u8> {
    if bytes >= KEPT_BYTES_MIN {
        let kept = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(mut piece) = kept {
            piece.reserve(bytes);
            return piece;
        }
    }
    Vec::with_capacity(bytes)
}

/// What was written, to be shared.
pub(crate) fn lend(piece: Vec<u8>) -> Bytes {
    if piece.capacity() < KEPT_BYTES_MIN { piece.into() } else { Bytes::from_owner(Lent(piece)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_comes_back_when_its_last_holder_lets_go_and_is_empty_then() {
        let mut first = piece(KEPT_BYTES_MIN);
        first.extend_from_slice(b"rows of a block");
        let address = first.as_ptr();
        let lent = lend(first);
        let other = lent.clone();
        drop(lent);
        assert_eq!(&*other, b"rows of a block");
        drop(other);
        // Another test's block may have been faster: the piece is one of those that are kept.
        let again: Vec<Vec<u8>> = (0..=KEPT_MAX).map(|_| piece(KEPT_BYTES_MIN)).collect();
        assert!(again.iter().all(Vec::is_empty));
        assert!(again.iter().any(|piece| piece.as_ptr() == address));
    }
}
