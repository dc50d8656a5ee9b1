//! What becomes of a delivery: split, parse, drop second copies, pack, append, and answer when the log has it.
//!
//! ```text
//! body ─► elements ─► events ─► records of `events` (≤ events_per_record_max, ≤ record_bytes_max) ─┐
//!                 ├─► rejects ─► `dead_letters`                                                     ├─► acknowledged ─► window ─► 2xx
//!                 └─► people not heard of before ─► `identities`                                    ┘
//! ```

mod again;
mod content;
mod recall;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker::{Ack, AppendError, Broker, Record, partition_of};
use codec::{BatchHeader, BatchWriter, EncodeError, Topic};
use event::{DeadLetter, Event, Identity, RejectReason, Source, Timestamp, UserKey, dead_letter_id};
use hashbrown::HashSet;
use serde::Serialize;
use sha2::{Digest, Sha256};

use again::Again;
pub(crate) use again::Formed;
use content::{content_hash, hash_of};

use crate::{
    Config,
    clock::now,
    connections::Connection,
    delivery::{EVENTS_PER_DELIVERY_MAX, Element, Elements, Fault, JSON_DEPTH_MAX, scrub},
    metrics::{Metrics, NATIVE_TYPES_MAX},
    parse::{
        HeaderError, IdentityRef, Mapping, Outcome, ParseContext, Piece, Pieces, clamp, framing, mapped, parse_element,
    },
    window::Window,
};

/// People whose names were written a short while ago and are not written again.
const KNOWN_PEOPLE_MAX: usize = 200_000;

/// Why a delivery was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    /// More events than one delivery may hold. Nothing of it was appended.
    #[error("more than {limit} events in one delivery; send them in parts")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Nothing but nesting. Nothing of it was appended.
    #[error("the body is nested deeper than {limit} levels and holds nothing else; no event is")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A CSV without the columns that its mapping needs. Nothing of it was appended.
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// The log does not take it. Nothing of it may be taken as received; the sender should come again.
    #[error("the log does not take records now: {0}")]
    Log(#[from] AppendError),
    /// A defect of ours.
    #[error("the delivery could not be worked on: {0}")]
    Internal(String),
}

/// What became of a delivery. `read = events + ignored + rejected`; `duplicates` are among `events`, and were not written again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Native events, after fan-out.
    pub read: u64,
    /// Those that are events of ours.
    pub events: u64,
    /// Second copies among them, dropped because the log has the first.
    pub duplicates: u64,
    /// Those that concern no app and no sign-in.
    pub ignored: u64,
    /// Those that cannot be read; each is in the dead letters once.
    pub rejected: u64,
}

impl Receipt {
    /// Adds what became of another part of the same page.
    pub(crate) const fn add(&mut self, other: Receipt) {
        self.read += other.read;
        self.events += other.events;
        self.duplicates += other.duplicates;
        self.ignored += other.ignored;
        self.rejected += other.rejected;
    }
}

/// A delivery that is on its way into the log.
pub(crate) struct Appended {
    acks: Vec<Ack>,
    receipt: Receipt,
    /// What the window learns when the log has acknowledged.
    entries: HashSet<(u128, u64)>,
    people: HashSet<(u128, u64)>,
    connection: Arc<Connection>,
}

/// Takes deliveries of every connection.
pub(crate) struct Acceptor {
    broker: Broker,
    prefix: String,
    partitions: u32,
    config: Arc<Config>,
    metrics: Metrics,
    window: Mutex<Window>,
    /// The same for imported history, so that a long back-fill does not push out what live overlaps are known by.
    history: Mutex<Window>,
    people: Mutex<Window>,
    native_types: Mutex<HashSet<String>>,
    is_first_party: fn(Source, &str) -> bool,
}

impl Acceptor {
    /// Writes into the topics that begin with `prefix` and have so many partitions.
    pub(crate) fn new(
        broker: Broker,
        prefix: &str,
        partitions: u32,
        config: Arc<Config>,
        metrics: Metrics,
        is_first_party: fn(Source, &str) -> bool,
    ) -> Acceptor {
        let window = Mutex::new(Window::new(config.window_events_max));
        let history = Mutex::new(Window::new(config.window_events_max));
        let people = Mutex::new(Window::new(KNOWN_PEOPLE_MAX));
        Acceptor {
            broker,
            prefix: prefix.to_owned(),
            partitions,
            config,
            metrics,
            window,
            history,
            people,
            native_types: Mutex::default(),
            is_first_party,
        }
    }

    /// Parses a body and appends what is in it. Works on the calling thread; waits for nothing. `origin` is where it came in
    /// (`http:okta`, `poll:system_log`), for dead letters.
    pub(crate) fn append(
        &self,
        origin: &str,
        connection: &Arc<Connection>,
        body: &[u8],
    ) -> Result<Appended, AcceptError> {
        match self.parse(origin, connection, body, Part { from: 0, bytes_max: usize::MAX })? {
            (delivery, None) => delivery.append(),
            (_, Some(_)) => Err(AcceptError::TooMany { limit: EVENTS_PER_DELIVERY_MAX }),
        }
    }

    /// The same for a part of a body that nobody can be asked to send in parts: what fits into one delivery, from the element `from` on. Tells
    /// at which element the next part begins.
    pub(crate) fn append_part(
        &self,
        origin: &str,
        connection: &Arc<Connection>,
        body: &[u8],
        from: usize,
    ) -> Result<(Appended, Option<usize>), AcceptError> {
        let part = Part { from, bytes_max: self.config.unpacked_bytes_max };
        let (delivery, next) = self.parse(origin, connection, body, part)?;
        Ok((delivery.append()?, next))
    }

    /// Parses a part of a body. What comes before it is delimited once more, which is cheap beside parsing.
    fn parse<'a>(
        &'a self,
        origin: &'a str,
        connection: &'a Arc<Connection>,
        body: &[u8],
        part: Part,
    ) -> Result<(Delivery<'a>, Option<usize>), AcceptError> {
        let mut delivery = Delivery::new(self, connection, origin, now());
        let mapping = connection.mapping.as_ref();
        let own_markers = mapping.map(Mapping::markers).unwrap_or_default();
        let limit = part.from.saturating_add(EVENTS_PER_DELIVERY_MAX);
        let mut pieces = Pieces::open(body, connection.provider, mapping, &own_markers, limit)?;
        let mut taken_bytes = 0_usize;
        while let Some(piece) = pieces.next_piece() {
            let element = &piece.element;
            if element.index < part.from {
                continue;
            }
            taken_bytes = taken_bytes.saturating_add(element.bytes.len());
            let is_next = element.index > part.from && taken_bytes > part.bytes_max;
            if element.fault == Some(Fault::TooMany) || is_next {
                return Ok((delivery, Some(element.index)));
            }
            // Beside others, it is a dead letter like any element that cannot be read. Alone, it is no delivery of events.
            if element.index == 0 && element.fault == Some(Fault::TooDeep) && is_alone(body, connection) {
                return Err(AcceptError::TooDeep { limit: JSON_DEPTH_MAX });
            }
            delivery.take(&piece)?;
        }
        Ok((delivery, None))
    }

    /// Appends a whole body as one dead letter: what can never be taken, and whose sender cannot be told so.
    pub(crate) fn bury(
        &self,
        origin: &str,
        connection: &Arc<Connection>,
        body: &[u8],
        reason: RejectReason,
        detail: String,
    ) -> Result<Appended, AcceptError> {
        let mut delivery = Delivery::new(self, connection, origin, now());
        delivery.receipt.read += 1;
        delivery.reject(&Element { index: 0, offset: 0, bytes: body, fault: None }, reason, detail)?;
        delivery.append()
    }

    /// Waits until the log has everything, then remembers it. Only after this may the sender be told.
    pub(crate) async fn acknowledge(&self, appended: Appended) -> Result<Receipt, AcceptError> {
        for ack in appended.acks {
            ack.await?;
        }
        let (receipt, connection) = (appended.receipt, appended.connection);
        remember(self.window_of(&connection), &appended.entries);
        remember(&self.people, &appended.people);
        let id = connection.id.as_str();
        self.metrics.read.with_label_values(&[id]).inc_by(receipt.read);
        // That a source is silent is not hidden by its past.
        if receipt.read > 0 && !connection.is_backfill {
            self.metrics.heard_of(id, now());
        }
        self.metrics.events.with_label_values(&[id]).inc_by(receipt.events - receipt.duplicates);
        self.metrics.duplicates.with_label_values(&[id]).inc_by(receipt.duplicates);
        Ok(receipt)
    }

    /// Where what a connection delivers is remembered.
    fn window_of(&self, connection: &Connection) -> &Mutex<Window> {
        if connection.is_backfill { &self.history } else { &self.window }
    }

    /// Is it in the log, whether it came live or as history?
    fn is_written(&self, id: u128, content: u64) -> bool {
        self.is_known(&self.window, id, content) || self.is_known(&self.history, id, content)
    }

    fn is_known(&self, window: &Mutex<Window>, id: u128, content: u64) -> bool {
        lock(window).contains(id, content)
    }

    fn count_ignored(&self, connection: &str, native_type: &str) {
        let mut known = lock(&self.native_types);
        let is_labelled =
            known.contains(native_type) || (known.len() < NATIVE_TYPES_MAX && known.insert(native_type.to_owned()));
        let label = if is_labelled { native_type } else { "other" };
        self.metrics.ignored.with_label_values(&[connection, label]).inc();
    }
}

/// Which part of a body is a delivery.
#[derive(Clone, Copy)]
struct Part {
    /// Its first element.
    from: usize,
    /// Bytes of its elements; the first may be larger.
    bytes_max: usize,
}

/// One delivery in work.
struct Delivery<'a> {
    acceptor: &'a Acceptor,
    connection: &'a Arc<Connection>,
    origin: &'a str,
    received_at: Timestamp,
    writer: BatchWriter<'a>,
    records: Vec<(Topic, Record)>,
    receipt: Receipt,
    entries: HashSet<(u128, u64)>,
    people: HashSet<(u128, u64)>,
    /// Set where a dead letter is put through again.
    again: Option<Again<'a>>,
    /// The first failure inside a visitor, which cannot return one.
    failure: Option<AcceptError>,
}

impl<'a> Delivery<'a> {
    fn new(
        acceptor: &'a Acceptor,
        connection: &'a Arc<Connection>,
        origin: &'a str,
        received_at: Timestamp,
    ) -> Delivery<'a> {
        let header = BatchHeader {
            tenant: &connection.tenant,
            connection: &connection.id,
            provider_tenant: &connection.provider_tenant,
            source: connection.provider,
            received_at,
            is_backfill: connection.is_backfill,
        };
        Delivery {
            acceptor,
            connection,
            origin,
            received_at,
            writer: BatchWriter::new(header),
            records: Vec::new(),
            receipt: Receipt::default(),
            entries: HashSet::new(),
            people: HashSet::new(),
            again: None,
            failure: None,
        }
    }

    /// Parses one element, which may hold several native events.
    fn take(&mut self, piece: &Piece<'_>) -> Result<(), AcceptError> {
        let element = &piece.element;
        let connection = Arc::clone(self.connection);
        let context = ParseContext {
            tenant: &connection.tenant,
            connection: &connection.id,
            provider_tenant: Some(&connection.provider_tenant),
            envelope_source: piece.source,
            received_at: Some(self.received_at),
            tenant_key: &connection.tenant_key,
            is_backfill: connection.is_backfill,
            is_first_party: self.acceptor.is_first_party,
            own_clients: &connection.own_clients,
            mapping: connection.mapping.as_ref(),
            row: piece.row,
        };
        parse_element(connection.provider, element, &context, &mut |outcome| {
            self.receipt.read += 1;
            let result = match outcome {
                Outcome::Event(event, identities) => self.event(event, identities),
                Outcome::Ignored { native_type } => {
                    self.receipt.ignored += 1;
                    if self.again.is_none() {
                        self.acceptor.count_ignored(&self.connection.id, native_type);
                    }
                    Ok(())
                }
                Outcome::Rejected { reason, detail } => self.reject(element, reason, detail),
            };
            if let Err(failure) = result {
                self.failure.get_or_insert(failure);
            }
        });
        self.failure.take().map_or(Ok(()), Err)
    }

    fn event(&mut self, event: &Event<'_>, identities: &[IdentityRef<'_>]) -> Result<(), AcceptError> {
        self.receipt.events += 1;
        let event = clamp(event, self.received_at);
        let entry = (event.event_id.0, content_hash(&event));
        let is_logged = self.again.as_ref().is_some_and(|again| again.logged.contains(&entry.0));
        if is_logged || self.entries.contains(&entry) || self.acceptor.is_written(entry.0, entry.1) {
            self.receipt.duplicates += 1;
            return Ok(());
        }
        self.entries.insert(entry);
        for identity in identities {
            self.identity(identity)?;
        }
        self.push(&event)
    }

    fn push(&mut self, event: &Event<'_>) -> Result<(), AcceptError> {
        let config = &self.acceptor.config;
        if self.writer.events() >= config.events_per_record_max.max(1) || self.writer.bytes() >= config.record_bytes_max
        {
            self.close_record();
        }
        match self.writer.push(event) {
            Err(EncodeError::BatchFull | EncodeError::TooLarge { .. }) if self.writer.events() > 0 => {
                self.close_record();
                self.writer.push(event).map_err(|error| AcceptError::Internal(error.to_string()))
            }
            result => result.map_err(|error| AcceptError::Internal(error.to_string())),
        }
    }

    fn close_record(&mut self) {
        if self.writer.events() > 0 {
            let value = self.writer.finish();
            self.record(Topic::Events, None, value);
        }
    }

    fn record(&mut self, topic: Topic, key: Option<Vec<u8>>, value: Vec<u8>) {
        let tenant = self.connection.tenant.as_bytes();
        // Topics that keep everything are keyed by tenant for readers outside; we never look at it.
        let key = key.or_else(|| Some(tenant.to_vec()));
        let partition = partition_of(tenant, self.acceptor.partitions);
        self.records.push((topic, Record { partition, key, value: Some(value) }));
    }

    /// Writes who a pseudonym is, where that was not written a short while ago.
    fn identity(&mut self, identity: &IdentityRef<'_>) -> Result<(), AcceptError> {
        if identity.user_key == UserKey::NONE {
            return Ok(());
        }
        let content = (&self.connection.tenant, identity.email, identity.display_name, identity.native_id);
        let entry = (u128::from(identity.user_key.0), hash_of(content));
        if self.people.contains(&entry) || self.acceptor.is_known(&self.acceptor.people, entry.0, entry.1) {
            return Ok(());
        }
        let owned = Identity {
            tenant: self.connection.tenant.clone(),
            user_key: identity.user_key,
            source: self.connection.provider,
            native_id: identity.native_id.to_owned(),
            email: identity.email.to_owned(),
            display_name: identity.display_name.to_owned(),
            seen_at: self.received_at,
        };
        let value = codec::encode_identity(&owned).map_err(|error| AcceptError::Internal(error.to_string()))?;
        self.people.insert(entry);
        self.record(Topic::Identities, Some(codec::identity_key(&owned.tenant, owned.user_key)), value);
        Ok(())
    }

    /// Writes a dead letter, once for the same bytes.
    fn reject(&mut self, element: &Element<'_>, reason: RejectReason, detail: String) -> Result<(), AcceptError> {
        self.receipt.rejected += 1;
        if let Some(again) = &mut self.again {
            again.rejected.get_or_insert((reason, detail));
            return Ok(());
        }
        self.acceptor.metrics.rejected.with_label_values(&[&self.connection.id, reason.as_str()]).inc();
        let sha256: [u8; 32] = Sha256::digest(element.bytes).into();
        let id = dead_letter_id(&self.connection.id, &sha256);
        if self.entries.contains(&(id.0, 0)) || self.acceptor.is_written(id.0, 0) {
            return Ok(());
        }
        let typed = self.connection.mapping.as_ref().map(|mapping| mapped::typed_names(mapping, element.bytes));
        let typed = typed.unwrap_or_default();
        let mut secrets = self.connection.secrets();
        secrets.extend(typed.iter().map(String::as_str));
        let scrubbed = scrub(element.bytes, &secrets);
        let letter = DeadLetter {
            id,
            tenant: self.connection.tenant.clone(),
            connection: self.connection.id.clone(),
            reason,
            detail,
            origin: format!("{}:{}", self.origin, element.index),
            received_at: self.received_at,
            scrubbed: scrubbed.text,
            sha256,
            is_redrivable: scrubbed.is_redrivable,
            redriven_at: Timestamp::MISSING,
        };
        let value = codec::encode_dead_letter(&letter).map_err(|error| AcceptError::Internal(error.to_string()))?;
        self.entries.insert((id.0, 0));
        self.record(Topic::DeadLetters, None, value);
        Ok(())
    }

    fn append(mut self) -> Result<Appended, AcceptError> {
        self.close_record();
        let mut acks = Vec::with_capacity(self.records.len());
        for (topic, record) in self.records {
            acks.push(self.acceptor.broker.append(&topic.name(&self.acceptor.prefix), record)?);
        }
        let connection = Arc::clone(self.connection);
        Ok(Appended { acks, receipt: self.receipt, entries: self.entries, people: self.people, connection })
    }
}

/// Does the body hold one element and no second?
fn is_alone(body: &[u8], connection: &Connection) -> bool {
    Elements::new(body, framing(connection.provider), EVENTS_PER_DELIVERY_MAX).nth(1).is_none()
}

fn remember(window: &Mutex<Window>, entries: &HashSet<(u128, u64)>) {
    let mut window = lock(window);
    for (id, content) in entries {
        window.insert(*id, *content);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves at worst an entry too few, and a second coordinate of one event.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
