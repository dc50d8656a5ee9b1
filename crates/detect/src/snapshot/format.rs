//! The bytes of a snapshot: a head that says of which log and from when it is, frames, and a checksum over all of it.
//!
//! ```text
//! head   magic 8 · version 2 · events' log id 16 · ledger's log id 16 · partition 4 · partitions 4 · offset of the ledger 8 · begun at 8
//! frame  kind 1 · length 4 · payload         kind 1: a ledger entry; kind 2: length of the tenant's name 2, name, runs of pairs
//! end    kind 0
//! check  BLAKE3 of everything before, 32
//! ```
//! Integers are big endian. Another version is another file: it is ignored and written anew, never converted.

use broker::LogId;
use event::Timestamp;

/// What a file begins with.
const MAGIC: [u8; 8] = *b"DAYLEDGR";
/// Of this layout, and of the runs of pairs in `detection`.
const VERSION: u16 = 1;
/// Bytes of the head.
pub(super) const HEAD_BYTES: usize = 8 + 2 + 16 + 16 + 4 + 4 + 8 + 8;
/// Bytes of the checksum.
pub(super) const CHECK_BYTES: usize = blake3::OUT_LEN;
/// Bytes before the payload of a frame.
pub(super) const FRAME_HEAD_BYTES: usize = 1 + 4;
/// Bytes of one frame. A ledger entry has far less, runs of pairs are cut to fit.
pub(super) const FRAME_BYTES_MAX: usize = 32 * 1_024 * 1_024;

/// Which partition of which logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whose {
    /// The log of the events: positions are places in it.
    pub(crate) events: LogId,
    /// The log of the ledger: the offset is a place in it.
    pub(crate) ledger: LogId,
    /// The partition, of both.
    pub(crate) partition: u32,
    /// How many there are: with another number, other tenants live here.
    pub(crate) partitions: u32,
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Whose it is.
    pub(crate) whose: Whose,
    /// Everything in the ledger before this offset is in the snapshot.
    pub(crate) ledger_offset: u64,
    /// When it was begun.
    pub(crate) begun_at: Timestamp,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    End = 0,
    Entry = 1,
    Pairs = 2,
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let Whose { events, ledger, partition, partitions } = self.whose;
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&events.0.to_be_bytes());
        bytes.extend_from_slice(&ledger.0.to_be_bytes());
        bytes.extend_from_slice(&partition.to_be_bytes());
        bytes.extend_from_slice(&partitions.to_be_bytes());
        bytes.extend_from_slice(&self.ledger_offset.to_be_bytes());
        bytes.extend_from_slice(&self.begun_at.0.to_be_bytes());
        bytes
    }

    /// The head of these bytes; `None` when they are no snapshot, or one of another version.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Head> {
        if take(&mut bytes)? != MAGIC || u16::from_be_bytes(take(&mut bytes)?) != VERSION {
            return None;
        }
        let (events, ledger) =
            (LogId(u128::from_be_bytes(take(&mut bytes)?)), LogId(u128::from_be_bytes(take(&mut bytes)?)));
        let (partition, partitions) = (u32::from_be_bytes(take(&mut bytes)?), u32::from_be_bytes(take(&mut bytes)?));
        Some(Head {
            whose: Whose { events, ledger, partition, partitions },
            ledger_offset: u64::from_be_bytes(take(&mut bytes)?),
            begun_at: Timestamp(i64::from_be_bytes(take(&mut bytes)?)),
        })
    }
}

/// Appends a frame.
pub(super) fn put_frame(out: &mut Vec<u8>, kind: FrameKind, payload: &[&[u8]]) {
    let length: usize = payload.iter().map(|part| part.len()).sum();
    out.push(kind as u8);
    // Payloads end at `FRAME_BYTES_MAX`.
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    payload.iter().for_each(|part| out.extend_from_slice(part));
}

/// Kind and length of a frame from its head.
pub(super) fn frame_head(mut bytes: &[u8]) -> Option<(FrameKind, usize)> {
    let kind = match take::<1>(&mut bytes)? {
        [0] => FrameKind::End,
        [1] => FrameKind::Entry,
        [2] => FrameKind::Pairs,
        _ => return None,
    };
    let length = usize::try_from(u32::from_be_bytes(take(&mut bytes)?)).ok()?;
    (length <= FRAME_BYTES_MAX).then_some((kind, length))
}

/// The payload of a frame of pairs: the tenant, then runs.
pub(super) fn put_pairs(out: &mut Vec<u8>, tenant: &str, runs: &[u8]) {
    // Names of tenants are bounded by the configuration.
    let length = u16::try_from(tenant.len()).unwrap_or(u16::MAX).to_be_bytes();
    put_frame(out, FrameKind::Pairs, &[&length, tenant.as_bytes(), runs]);
}

/// The tenant and the runs of a frame of pairs.
pub(super) fn take_pairs(mut payload: &[u8]) -> Option<(&str, &[u8])> {
    let length = usize::from(u16::from_be_bytes(take(&mut payload)?));
    let (tenant, runs) = payload.split_at_checked(length)?;
    Some((std::str::from_utf8(tenant).ok()?, runs))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_and_another_version_is_none_of_ours() {
        let whose = Whose { events: LogId(1), ledger: LogId(2), partition: 3, partitions: 4 };
        let head = Head { whose, ledger_offset: 5, begun_at: Timestamp(-6) };
        let bytes = head.encode();
        assert_eq!((bytes.len(), Head::decode(&bytes)), (HEAD_BYTES, Some(head)));
        for (place, byte) in [(0, b'X'), (9, 99)] {
            let mut other = bytes.clone();
            other[place] = byte;
            assert_eq!(Head::decode(&other), None);
        }
        assert_eq!(Head::decode(&bytes[..HEAD_BYTES - 1]), None);
    }

    #[test]
    fn a_frame_that_is_none_is_refused() {
        let mut frame = Vec::new();
        put_pairs(&mut frame, "acme", b"runs");
        assert_eq!(frame_head(&frame), Some((FrameKind::Pairs, 10)));
        assert_eq!(take_pairs(&frame[FRAME_HEAD_BYTES..]), Some(("acme", &b"runs"[..])));
        for bytes in [&[3u8, 0, 0, 0, 0][..], &[1, 255, 255, 255, 255], &[1, 0, 0]] {
            assert_eq!(frame_head(bytes), None, "{bytes:?}");
        }
        assert_eq!(take_pairs(&[0, 9, b'a']), None);
    }
}
