//! HTTP through the fault proxy: request by request, each on a connection of its own to the server.

use std::{
    collections::btree_map::Entry,
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::Ordering,
};

use super::{CHUNK_BYTES, Fault, RESPONSE_LOST, Shared, holds, lock};

/// What a server answers that believes the rows to be there.
const BELIEVED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

impl Shared {
    /// One request and its response. `None` when the connection is over.
    pub(super) fn exchange(&self, client: &mut TcpStream) -> Option<()> {
        let mut request = read_request(client)?;
        let first_bytes = request.get(..request.len().min(4_096)).unwrap_or_default();
        let is_meant = self.is_meant(first_bytes);
        let mut fate = self.fate(&|text| if text.is_empty() { is_meant } else { holds(first_bytes, text) });
        let token = token_of(first_bytes);
        match fate.fault {
            Some(Fault::ForgetRows) => {
                // Only before any attempt went on: of one that may still run, no server would say that it is done. Others pass.
                let is_fresh = token.clone().is_some_and(|token| match lock(&self.tokens).entry(token) {
                    Entry::Vacant(place) => *place.insert(true),
                    Entry::Occupied(_) => false,
                });
                if is_fresh {
                    self.count(&fate);
                    return None;
                }
                fate.fault = None;
            }
            Some(Fault::DropRequest) => {
                self.count(&fate);
                return None;
            }
            Some(Fault::DelayRequest) => self.hold(fate.hold),
            _ => {}
        }
        // Also of an attempt that was held meanwhile.
        if token.is_some_and(|token| *lock(&self.tokens).entry(token).or_insert(false)) {
            client.write_all(BELIEVED).ok()?;
            return None;
        }
        let mut server = self.connect()?;
        if fate.fault == Some(Fault::CutRequest) {
            server.write_all(request.get(..request.len() / 2)?).ok()?;
            self.count(&fate);
            return None;
        }
        if matches!(fate.fault, Some(Fault::LoseResponse | Fault::CutResponse | Fault::HoldResponse)) {
            let line = request.windows(2).position(|two| two == b"\r\n")?;
            request.splice(line..line, format!("\r\n{RESPONSE_LOST}").into_bytes());
        }
        let response = self.answer_to(&request, &mut server, is_meant)?;
        self.count(&fate);
        if fate.fault.is_some_and(Fault::loses_response) && !response.starts_with(b"HTTP/1.1 2") {
            self.lost_refusals.fetch_add(1, Ordering::Relaxed);
        }
        match fate.fault {
            Some(Fault::LoseResponse) => return None,
            Some(Fault::CutResponse) => {
                client.write_all(response.get(..response.len() / 2)?).ok()?;
                return None;
            }
            Some(Fault::HoldResponse) => {
                self.hold(fate.hold);
                return None;
            }
            Some(Fault::DelayResponse) => self.hold(fate.hold),
            _ => {}
        }
        client.write_all(&response).ok()?;
        // The server was told to close, and has said so: the client knows that this was the last one.
        None
    }

    /// Sends a request and waits for the end of its answer; nothing where the server ends without one.
    fn answer_to(&self, request: &[u8], server: &mut TcpStream, is_meant: bool) -> Option<Vec<u8>> {
        let mut response = Vec::new();
        let count = u64::from(is_meant);
        self.under_way.fetch_add(count, Ordering::Relaxed);
        let read = server.write_all(request).and_then(|()| server.read_to_end(&mut response));
        self.under_way.fetch_sub(count, Ordering::Relaxed);
        let is_whole = read.is_ok() && !response.is_empty();
        self.cut_by_server.fetch_add(if is_whole { 0 } else { count }, Ordering::Relaxed);
        is_whole.then_some(response)
    }
}

/// The token of an insert that is deduplicated by it: by any other, nobody may be told that its rows are there.
fn token_of(first_bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(first_bytes);
    let line = text.lines().next().filter(|line| line.contains("deduplicate_insert=enable"))?;
    let (_, token) = line.split_once("insert_deduplication_token=")?;
    token.split(['&', ' ']).next().map(str::to_owned)
}

/// A whole request, told to be the last of its connection; nothing when the client has ended.
fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
    let head = loop {
        if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break head;
        }
        read_more(client, &mut chunk, &mut bytes)?;
    };
    let text = String::from_utf8_lossy(bytes.get(..head)?).into_owned();
    let header = |name: &str| {
        let value = |line: &str| {
            Some(line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name))?.1.trim().to_owned())
        };
        text.lines().find_map(value)
    };
    if header("transfer-encoding").is_some() {
        while !bytes.ends_with(b"0\r\n\r\n") {
            read_more(client, &mut chunk, &mut bytes)?;
        }
    }
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length {
        read_more(client, &mut chunk, &mut bytes)?;
    }
    let first_line = text.lines().next()?;
    let others = text.lines().skip(1).filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head_lines: Vec<&str> = std::iter::once(first_line).chain(others).chain(["Connection: close"]).collect();
    Some([head_lines.join("\r\n").as_bytes(), b"\r\n\r\n", bytes.get(head + 4..)?].concat())
}

fn read_more(client: &mut TcpStream, chunk: &mut [u8], bytes: &mut Vec<u8>) -> Option<()> {
    let count = client.read(chunk).ok().filter(|count| *count > 0)?;
    bytes.extend_from_slice(chunk.get(..count)?);
    Some(())
}
