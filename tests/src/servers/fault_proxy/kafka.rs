//! Kafka through the fault proxy: frame by frame.
//!
//! A frame is four bytes of length and so many bytes. A request begins with its kind (`api_key`, 2 bytes), its version (2) and a number that the
//! client gives it (`correlation_id`, 4); the response begins with that number (<https://kafka.apache.org/protocol>). So what becomes of a
//! request is decided when it comes, and what becomes of its response waits for the number.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Mutex, atomic::Ordering},
    thread,
    time::Duration,
};

use super::{Fate, Fault, Shared, holds, is_timeout, lock};

/// Bytes of a frame. Ours are at most a record of 4 MiB and its heads; an answer to a fetch may hold many.
const FRAME_BYTES_MAX: usize = 256 << 20;
/// Bytes of a request in which the name of its first topic stands: behind the client's name and a few numbers, before any record.
const HEAD_BYTES: usize = 128;
/// How often a quiet connection looks whether it is still wanted.
const QUIET_FOR: Duration = Duration::from_millis(200);

/// The kinds of requests that a schedule may name.
const KINDS: &[(i16, &str)] = &[
    (0, "Produce"),
    (1, "Fetch"),
    (2, "ListOffsets"),
    (3, "Metadata"),
    (8, "OffsetCommit"),
    (9, "OffsetFetch"),
    (10, "FindCoordinator"),
    (11, "JoinGroup"),
    (12, "Heartbeat"),
    (13, "LeaveGroup"),
    (14, "SyncGroup"),
    (18, "ApiVersions"),
    (22, "InitProducerId"),
    (24, "AddPartitionsToTxn"),
    (26, "EndTxn"),
];

/// The responses to come that something happens to, by their number.
type Expected = Mutex<BTreeMap<[u8; 4], Fate>>;

impl Shared {
    /// Passes frames both ways until one side ends or a fault says so.
    pub(super) fn frames(&self, client: &TcpStream) -> Option<()> {
        let server = self.connect()?;
        client.set_nodelay(true).ok()?;
        let expected = Expected::default();
        let close = || [client, &server].map(|stream| stream.shutdown(Shutdown::Both).ok());
        thread::scope(|scope| {
            scope.spawn(|| {
                while self.response(&server, client, &expected).is_some() {}
                close();
            });
            while self.request(client, &server, &expected).is_some() {}
            close();
        });
        None
    }

    /// The next request. `None` when the connection is over.
    fn request(&self, client: &TcpStream, mut server: &TcpStream, expected: &Expected) -> Option<()> {
        let frame = self.frame(client)?;
        let kind = i16::from_be_bytes(*frame.get(4..)?.first_chunk()?);
        let number: [u8; 4] = *frame.get(8..)?.first_chunk()?;
        let name = KINDS.iter().find(|(known, _)| *known == kind).map_or("other", |(_, name)| name);
        let head = frame.get(..HEAD_BYTES.min(frame.len())).unwrap_or_default();
        let fate = self.fate(&|text| match text.split_once(' ') {
            Some((kind, topic)) => kind == name && holds(head, topic),
            None if text.is_empty() => self.is_meant(name.as_bytes()),
            None => text == name,
        });
        match fate.fault {
            None => {}
            Some(Fault::DropRequest) => {
                self.count(&fate);
                return None;
            }
            Some(Fault::CutRequest) => {
                server.write_all(frame.get(..frame.len() / 2)?).ok()?;
                self.count(&fate);
                return None;
            }
            Some(Fault::DelayRequest) => {
                self.count(&fate);
                self.hold(fate.hold);
            }
            // Known before the server can answer.
            Some(_) => drop(lock(expected).insert(number, fate)),
        }
        server.write_all(&frame).ok()
    }

    /// The next response. `None` when the connection is over.
    fn response(&self, server: &TcpStream, mut client: &TcpStream, expected: &Expected) -> Option<()> {
        let frame = self.frame(server)?;
        let fate = lock(expected).remove(frame.get(4..)?.first_chunk::<4>()?).unwrap_or_default();
        self.count(&fate);
        match fate.fault {
            Some(Fault::LoseResponse) => return None,
            Some(Fault::CutResponse) => {
                client.write_all(frame.get(..frame.len() / 2)?).ok()?;
                return None;
            }
            Some(Fault::HoldResponse) => {
                self.hold(fate.hold);
                return None;
            }
            Some(Fault::DelayResponse) => self.hold(fate.hold),
            _ => {}
        }
        client.write_all(&frame).ok()
    }

    /// A whole frame with its length; nothing when the other side has ended.
    fn frame(&self, from: &TcpStream) -> Option<Vec<u8>> {
        from.set_read_timeout(Some(QUIET_FOR)).ok()?;
        let mut frame = vec![0; 4];
        self.fill(from, &mut frame)?;
        let length = usize::try_from(i32::from_be_bytes(*frame.first_chunk()?)).ok()?;
        frame.resize(4 + Some(length).filter(|length| *length <= FRAME_BYTES_MAX)?, 0);
        self.fill(from, frame.get_mut(4..)?)?;
        Some(frame)
    }

    fn fill(&self, mut from: &TcpStream, mut room: &mut [u8]) -> Option<()> {
        while !room.is_empty() {
            match from.read(room) {
                Ok(0) => return None,
                Ok(count) => room = room.get_mut(count..)?,
                Err(error) if is_timeout(&error) && !self.is_over.load(Ordering::Relaxed) => {}
                Err(_) => return None,
            }
        }
        Some(())
    }
}
