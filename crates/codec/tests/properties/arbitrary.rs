//! Arbitrary domain values, with every field in play: empty, short, long and non-ASCII text, and numbers at their borders.

use codec::BatchHeader;
use event::{
    ActorType, Alert, AlertId, AlertState, Alias, AliasAction, AppFirst, AppIdKind, AppKind, AppRef, Backfill,
    ConsentType, Control, Coordinates, DeadLetter, Decision, Delivery, DeliveryState, Event, EventId, Expectation,
    Factor, FeedCursor, FirstSeen, Gap, GapReason, Identity, Ip, Kind, LedgerEntry, LogId, Outcome, ParseWarnings,
    PollState, Position, RejectReason, Reveal, Severity, Sighting, Source, Status, Stream, TableName, TableVersion,
    Tick, Timestamp, Tokens, UserKey,
};
use proptest::{collection::vec, prelude::*, sample::select};

/// Raw material: as much text and as many numbers as the largest record needs. Domain values borrow from it.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    texts: Vec<String>,
    numbers: Vec<u128>,
}

const TEXTS: usize = 28;
const NUMBERS: usize = 16;

/// Arbitrary raw material.
pub(crate) fn seed() -> impl Strategy<Value = Seed> {
    let number = prop_oneof![Just(0), Just(u128::MAX), 0..200_u128, any::<u128>()];
    (vec(text(), TEXTS), vec(number, NUMBERS)).prop_map(|(texts, numbers)| Seed { texts, numbers })
}

/// One of each kind of control record.
pub(crate) fn controls() -> impl Strategy<Value = Vec<Control>> {
    (seed(), vec(text(), 0..4)).prop_map(|(seed, app_refs)| seed.controls(app_refs))
}

/// An alert.
pub(crate) fn alert() -> impl Strategy<Value = Alert> {
    (seed(), vec((text(), any::<i16>()), 0..4), vec(any::<u128>(), 0..70)).prop_map(|(seed, factors, evidence)| {
        let factors = factors.into_iter().map(|(name, points)| Factor { name, points }).collect();
        seed.alert(factors, evidence.into_iter().map(EventId).collect())
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        6 => "[a-zA-Z0-9 ._:/-]{1,40}",
        2 => "\\PC{0,40}",
        1 => "[a-z]{60,300}",
    ]
}

impl Seed {
    fn text(&self, index: usize) -> &str {
        &self.texts[index]
    }

    fn owned(&self, index: usize) -> String {
        self.text(index).to_owned()
    }

    fn number(&self, index: usize) -> u128 {
        self.numbers[index]
    }

    /// A number cut to its low bits.
    fn low<T: TryFrom<u128>>(&self, index: usize, bits: u32) -> T {
        let Ok(number) = T::try_from(self.number(index) & ((1 << bits) - 1)) else { panic!("{bits} bits do not fit") };
        number
    }

    fn user_key(&self, index: usize) -> UserKey {
        UserKey(self.low(index, 64))
    }

    fn time(&self, index: usize) -> Timestamp {
        Timestamp(self.low::<u64>(index, 64).cast_signed())
    }

    fn flag(&self, index: usize) -> bool {
        self.number(index) & 8 != 0
    }

    fn member<T: Copy>(&self, index: usize, all: &[T]) -> T {
        all[usize::try_from(self.number(index) % all.len() as u128).unwrap()]
    }

    fn position(&self, index: usize) -> Position {
        Position { offset: self.low(index, 63), index: self.low(index + 1, 16) }
    }

    /// The header of a batch.
    pub(crate) fn header(&self) -> BatchHeader<'_> {
        BatchHeader {
            tenant: self.text(0),
            connection: self.text(1),
            provider_tenant: self.text(2),
            source: self.member(0, Source::ALL),
            received_at: self.time(1),
            is_backfill: self.flag(2),
        }
    }

    /// An event of a batch.
    pub(crate) fn event<'a>(&'a self, header: &BatchHeader<'a>) -> Event<'a> {
        let id = EventId(self.number(0));
        let mut event = Event::new(id, header.source, header.tenant, self.member(1, Kind::ALL), self.time(2));
        event.connection = header.connection;
        event.provider_tenant = header.provider_tenant;
        event.received_at = header.received_at;
        event.is_backfill = header.is_backfill;
        event.stream = self.member(3, Stream::ALL);
        event.is_supporting = self.flag(4);
        event.native_id = self.text(0);
        event.native_type = self.text(1);
        event.correlation_id = self.text(2);
        event.session_id = self.text(3);
        event.transaction_id = self.text(4);
        event.occurred_at_original = self.time(5);
        event.available_at = self.time(6);
        event.actor_type = self.member(7, ActorType::ALL);
        event.user_key = self.user_key(8);
        event.actor_key = self.user_key(9);
        event.app =
            AppRef { source: header.source.issuer(), id_kind: self.member(10, AppIdKind::ALL), id: self.text(5) };
        event.app_name = self.text(6);
        event.app_object_id = self.text(7);
        event.app_kind = self.member(11, AppKind::ALL);
        event.scopes = Tokens::from_canonical(self.text(8));
        event.scopes_added = Tokens::from_canonical(self.text(9));
        event.scopes_removed = Tokens::from_canonical(self.text(10));
        event.resources = Tokens::from_canonical(self.text(11));
        event.consent_type = self.member(12, ConsentType::ALL);
        event.grant_id = self.text(12);
        event.outcome = self.member(13, Outcome::ALL);
        event.outcome_code = self.text(13);
        event.outcome_reason = self.text(14);
        event.auth_method = self.text(15);
        event.is_mfa = self.flag(14);
        event.auth_protocol = self.text(16);
        event.ip = Ip(self.number(15).to_be_bytes());
        event.asn = self.low(0, 32);
        event.as_org = self.text(17);
        event.is_proxy = self.flag(1);
        event.country = self.text(18);
        event.city = self.text(19);
        event.user_agent = self.text(20);
        event.ua_os = self.text(21);
        event.ua_browser = self.text(22);
        event.warnings = ParseWarnings::from_bits(self.low(2, 32));
        event
    }

    fn controls(&self, app_refs: Vec<String>) -> Vec<Control> {
        vec![
            Control::Decision(Decision {
                app_key: self.owned(0),
                app_refs,
                status: self.member(0, Status::ALL),
                previous: self.member(1, Status::ALL),
                department: self.owned(1),
                owner: self.owned(2),
                reason: self.owned(3),
                decided_by: self.owned(4),
                decided_at: self.time(2),
                expires_at: self.time(3),
            }),
            Control::Alias(Alias {
                action: self.member(4, AliasAction::ALL),
                from_app_key: self.owned(5),
                to_app_key: self.owned(6),
                reason: self.owned(7),
                decided_by: self.owned(8),
                decided_at: self.time(5),
            }),
            Control::TableVersion(TableVersion {
                table: self.member(6, TableName::ALL),
                version: self.owned(9),
                loaded_at: self.time(7),
            }),
            Control::Tick(Tick { at: self.time(8) }),
            Control::Reveal(Reveal {
                user_key: self.user_key(9),
                reason: self.owned(10),
                revealed_by: self.owned(11),
                revealed_at: self.time(10),
            }),
        ]
    }

    fn alert(&self, factors: Vec<Factor>, evidence: Vec<EventId>) -> Alert {
        Alert {
            id: AlertId(self.number(0)),
            tenant: self.owned(0),
            rule: self.owned(1),
            rule_version: self.low(1, 16),
            severity: self.member(2, Severity::ALL),
            state: self.member(3, AlertState::ALL),
            score: self.low(4, 8),
            factors,
            title: self.owned(2),
            description: self.owned(3),
            subject: self.owned(4),
            episode: self.owned(5),
            app_key: self.owned(6),
            app_ref: self.owned(7),
            app_name: self.owned(8),
            looks_like: self.owned(9),
            user_key: self.user_key(5),
            department: self.owned(10),
            people: self.low(6, 32),
            evidence,
            evidence_query: self.owned(11),
            alternative: self.owned(12),
            prevention: self.owned(13),
            technique: self.owned(14),
            occurred_at: self.time(7),
            received_at: self.time(8),
            logged_at: self.time(9),
            is_late: self.flag(10),
            coordinates: Coordinates {
                log_id: LogId(self.number(11)),
                partition: self.low(12, 32),
                position: self.position(13),
            },
            tables_version: self.owned(15),
        }
    }

    /// A delivery.
    pub(crate) fn delivery(&self) -> Delivery {
        Delivery {
            tenant: self.owned(0),
            alert_id: AlertId(self.number(0)),
            receiver: self.owned(1),
            state: self.member(1, DeliveryState::ALL),
            attempts: self.low(2, 32),
            first_attempt_at: self.time(3),
            last_attempt_at: self.time(4),
            delivered_at: self.time(5),
        }
    }

    /// A feed's cursor.
    pub(crate) fn feed_cursor(&self) -> FeedCursor {
        FeedCursor {
            tenant: self.owned(0),
            connection: self.owned(1),
            feed: self.owned(2),
            api: self.owned(3),
            position: self.owned(4),
            complete_to: self.time(0),
            state: self.member(1, PollState::ALL),
            detail: self.owned(5),
            waits_until: self.time(2),
            heard_at: self.time(3),
            updated_at: self.time(4),
            pages: self.low(5, 63),
            events: self.low(6, 63),
            duplicates: self.low(7, 63),
            rereads: self.low(8, 63),
        }
    }

    /// A back-fill that was asked for.
    pub(crate) fn backfill(&self) -> Backfill {
        Backfill {
            tenant: self.owned(0),
            connection: self.owned(1),
            since: self.time(0),
            until: self.time(1),
            asked_at: self.time(2),
            asked_by: self.owned(2),
            is_cancelled: self.flag(3),
        }
    }

    /// A gap.
    pub(crate) fn gap(&self) -> Gap {
        Gap {
            tenant: self.owned(0),
            connection: self.owned(1),
            feed: self.owned(2),
            reason: self.member(1, GapReason::ALL),
            from: self.time(0),
            to: self.time(2),
            detail: self.owned(3),
            noted_at: self.time(4),
        }
    }

    /// What is expected of a connection.
    pub(crate) fn expectation(&self) -> Expectation {
        Expectation {
            tenant: self.owned(0),
            connection: self.owned(1),
            since: self.time(0),
            silent_after_ms: self.low::<u64>(1, 64).cast_signed(),
            heard_at: self.time(2),
            noted_at: self.time(3),
        }
    }

    /// A dead letter.
    pub(crate) fn dead_letter(&self) -> DeadLetter {
        let mut sha256 = [0; 32];
        sha256[..16].copy_from_slice(&self.number(1).to_be_bytes());
        sha256[16..].copy_from_slice(&self.number(2).to_be_bytes());
        DeadLetter {
            id: EventId(self.number(0)),
            tenant: self.owned(0),
            connection: self.owned(1),
            reason: self.member(3, RejectReason::ALL),
            detail: self.owned(2),
            origin: self.owned(3),
            received_at: self.time(4),
            scrubbed: self.owned(4),
            sha256,
            is_redrivable: self.flag(5),
            redriven_at: self.time(6),
        }
    }

    /// An identity.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            tenant: self.owned(0),
            user_key: self.user_key(0),
            source: self.member(1, Source::ALL),
            native_id: self.owned(1),
            email: self.owned(2),
            display_name: self.owned(3),
            seen_at: self.time(2),
        }
    }

    /// One of each kind of ledger entry, and its tenant.
    pub(crate) fn ledger(&self, controls: Vec<Control>, alerts: Vec<Alert>) -> (&str, Vec<LedgerEntry<'_>>) {
        let first_seen = |index: usize| FirstSeen {
            position: self.position(index),
            event_id: EventId(self.number(index + 2)),
            occurred_at: self.time(index + 3),
        };
        let source = self.member(0, Source::ALL);
        let mut entries = vec![
            LedgerEntry::App {
                app: AppRef { source, id_kind: self.member(1, AppIdKind::ALL), id: self.text(1) },
                name: self.text(2),
                first_key: self.text(3),
                app_key: self.text(4),
                first: AppFirst { attempted: first_seen(0), used: first_seen(4), granted: first_seen(8) },
            },
            LedgerEntry::Pair {
                app_hash: self.low(0, 64),
                user_key: self.user_key(1),
                position: self.position(2),
                sighting: Sighting::from_bits(self.low(4, 3)),
            },
            LedgerEntry::Episode {
                alert_id: AlertId(self.number(5)),
                position: self.position(6),
                people: self.low(7, 32),
                state: self.member(8, AlertState::ALL),
            },
            LedgerEntry::Connection { connection: self.text(5), earliest: self.time(9) },
            LedgerEntry::Held {
                event_id: EventId(self.number(10)),
                correlation_id: self.text(6),
                position: self.position(11),
                received_at: self.time(13),
                is_consent: self.flag(14),
                risk: self.low(15, 8),
                closed: self.flag(0).then(|| self.position(1)),
                alerts,
            },
            LedgerEntry::Origin { events: LogId(self.number(12)), partitions: self.low(13, 32) },
        ];
        entries.extend(controls.into_iter().map(|control| LedgerEntry::Control {
            name: self.text(7),
            position: self.position(3),
            control,
        }));
        (self.text(0), entries)
    }
}

/// A record of any kind, encoded by us.
pub(crate) fn record() -> impl Strategy<Value = Vec<u8>> {
    let parts = (vec(seed(), 1..4), controls(), alert(), any::<prop::sample::Index>());
    parts.prop_map(|(seeds, controls, alert, index)| {
        let seed = &seeds[0];
        let header = seed.header();
        let mut batch = codec::BatchWriter::new(header);
        seeds.iter().for_each(|each| batch.push(&each.event(&header)).unwrap());
        let mut records = vec![
            batch.finish(),
            codec::encode_alert(&alert).unwrap(),
            codec::encode_delivery(&seed.delivery()).unwrap(),
            codec::encode_dead_letter(&seed.dead_letter()).unwrap(),
            codec::encode_identity(&seed.identity()).unwrap(),
            codec::encode_feed_cursor(&seed.feed_cursor()).unwrap(),
            codec::encode_backfill(&seed.backfill()).unwrap(),
            codec::encode_gap(&seed.gap()).unwrap(),
            codec::encode_expectation(&seed.expectation()).unwrap(),
        ];
        records.extend(controls.iter().map(|control| codec::encode_control(seed.text(0), control).unwrap()));
        let (tenant, entries) = seed.ledger(controls, vec![alert]);
        records.extend(entries.iter().map(|entry| codec::encode_ledger_entry(tenant, entry).unwrap()));
        index.get(&records).clone()
    })
}

/// One of the schemas.
pub(crate) fn schema() -> impl Strategy<Value = codec::Schema> {
    select(codec::Schema::ALL)
}
