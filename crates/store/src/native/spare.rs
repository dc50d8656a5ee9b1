//! Memory of blocks that are gone, for those that come. A block of 200,000 events is 50 MB: asked for anew each time, the kernel clears every
//! page of it first, which cost a fifth of all that a sink does (measured).

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// Pieces below it come from the allocator, which keeps such ones itself.
const KEPT_BYTES_MIN: usize = 1 << 20;

/// All pieces that are kept together: what may be on its way at once by default (`in_flight_bytes_max`).
const KEPT_BYTES_MAX: usize = 256 << 20;

/// Pieces are made a multiple of it, because the blocks of a table differ a little in size.
const STEP_BYTES: usize = 4 << 20;

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
        piece.clear();
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        spare.push(piece);
        // The smallest go first: they are made anew with the least work.
        while spare.iter().map(Vec::capacity).sum::<usize>() > KEPT_BYTES_MAX {
            let smallest = (0..).zip(spare.iter()).min_by_key(|(_, piece)| piece.capacity());
            let Some((place, _)): Option<(usize, _)> = smallest else { break };
            spare.swap_remove(place);
        }
    }
}

/// An empty piece with room for so many bytes.
pub(crate) fn piece(bytes: usize) -> Vec<u8> {
    if bytes < KEPT_BYTES_MIN {
        return Vec::with_capacity(bytes);
    }
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    // The smallest that is large enough. One that is not stays for a smaller block: to let it grow would be to ask for it anew.
    let fitting = (0..).zip(spare.iter()).filter(|(_, piece)| piece.capacity() >= bytes);
    match fitting.min_by_key(|(_, piece)| piece.capacity()).map(|(place, _): (usize, _)| place) {
        Some(place) => spare.swap_remove(place),
        None => Vec::with_capacity(bytes.next_multiple_of(STEP_BYTES)),
    }
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
        // The block of another test may have taken it, or left more of them.
        let again: Vec<Vec<u8>> = (0..64).map(|_| piece(KEPT_BYTES_MIN)).collect();
        assert!(again.iter().all(Vec::is_empty));
        assert!(again.iter().any(|piece| piece.as_ptr() == address));
    }

    #[test]
    fn more_than_the_limit_goes_back() {
        let many: Vec<Bytes> = (0..100).map(|_| lend(piece(KEPT_BYTES_MIN))).collect();
        drop(many);
        let kept: usize = SPARE.lock().unwrap().iter().map(Vec::capacity).sum();
        assert!(kept <= KEPT_BYTES_MAX, "{kept}");
    }
}
