//! A company to try the engine on: happenings in plain words, an engine that sees them, and the ledger as the compacted topic would hold it.

use std::collections::BTreeMap;

use catalog::{GrantRisk, RiskLevel, ScopeFamily};
use detection::{Engine, Findings, LedgerChange, Observation, Settings, Stats};
use enrichment::{AppInfo, Enriched};
use event::{
    ActorType, Alert, AlertState, AppIdKind, AppRef, ConsentType, Coordinates, Event, EventId, Kind, LogId, Outcome,
    Position, Source, Status, Timestamp, Tokens, UserKey,
};

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// 2026-01-01: the company's first day.
pub(crate) const DAY_0: i64 = 1_767_225_600_000;

/// Something that happens, with what the tables say about it.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) id: u128,
    pub(crate) tenant: &'static str,
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) client_id: String,
    pub(crate) id_kind: AppIdKind,
    pub(crate) object_id: &'static str,
    pub(crate) user: u64,
    pub(crate) department: &'static str,
    pub(crate) user_agent: String,
    pub(crate) reason: &'static str,
    pub(crate) scopes: &'static str,
    pub(crate) consent: ConsentType,
    pub(crate) correlation: &'static str,
    pub(crate) is_supporting: bool,
    pub(crate) is_backfill: bool,
    pub(crate) actor: ActorType,
    pub(crate) occurred_ms: i64,
    pub(crate) delay_ms: i64,
    pub(crate) info: AppInfo,
    pub(crate) status: Status,
    pub(crate) risk: GrantRisk,
}

/// A sign-in of a person to an app, a hundred days after the company's first day. Its id is made of what it says.
pub(crate) fn sso(user: u64, app: &str) -> Happening {
    Happening {
        id: 0,
        tenant: "acme",
        source: Source::Entra,
        kind: Kind::Sso,
        outcome: Outcome::Success,
        client_id: app.to_owned(),
        id_kind: AppIdKind::ClientId,
        object_id: "",
        user,
        department: "Sales",
        user_agent: String::new(),
        reason: "",
        scopes: "",
        consent: ConsentType::Unknown,
        correlation: "",
        is_supporting: false,
        is_backfill: false,
        actor: ActorType::User,
        occurred_ms: DAY_0 + 100 * DAY_MS,
        delay_ms: 1_000,
        info: AppInfo { app_key: format!("{app}.example"), name: app.to_owned(), ..AppInfo::default() },
        status: Status::Unreviewed,
        risk: GrantRisk::default(),
    }
}

/// A consent that only signs the person in.
pub(crate) fn consent(user: u64, app: &str) -> Happening {
    let risk = GrantRisk { level: RiskLevel::Low, ..GrantRisk::default() };
    Happening { kind: Kind::OauthGrant, consent: ConsentType::User, scopes: "openid", risk, ..sso(user, app) }
}

/// A consent to all mail, for good.
pub(crate) fn mail_consent(user: u64, app: &str) -> Happening {
    let risk = GrantRisk {
        level: RiskLevel::High,
        high_families: vec![ScopeFamily::Mail],
        top_scopes: vec!["Mail.Read".to_owned()],
        is_persistent: true,
    };
    Happening { scopes: "Mail.Read offline_access", risk, ..consent(user, app) }
}

impl Happening {
    pub(crate) fn days_later(mut self, days: i64) -> Happening {
        self.occurred_ms += days * DAY_MS;
        self
    }

    fn event(&self) -> Event<'_> {
        let mut event = Event::new(self.event_id(), self.source, self.tenant, self.kind, Timestamp(self.occurred_ms));
        event.connection = "entra-main";
        event.correlation_id = self.correlation;
        event.is_supporting = self.is_supporting;
        event.is_backfill = self.is_backfill;
        event.actor_type = self.actor;
        event.user_key = UserKey(self.user);
        let id_kind = if self.client_id.is_empty() { AppIdKind::None } else { self.id_kind };
        event.app = AppRef { source: self.source.issuer(), id_kind, id: &self.client_id };
        event.app_name = &self.info.name;
        event.app_object_id = self.object_id;
        event.outcome = self.outcome;
        event.outcome_reason = self.reason;
        event.user_agent = &self.user_agent;
        event.scopes = Tokens::from_canonical(self.scopes);
        event.consent_type = self.consent;
        event.received_at = Timestamp(self.occurred_ms + self.delay_ms);
        event
    }

    /// Of everything that the happening says, so that the same happening has the same id in every order.
    fn event_id(&self) -> EventId {
        if self.id != 0 {
            return EventId(self.id);
        }
        let text = format!("{self:?}");
        event::content_id(self.source, self.tenant, text.as_bytes())
    }
}

/// The engine, what it wrote, and the log's end.
pub(crate) struct Company {
    pub(crate) engine: Engine,
    findings: Findings,
    /// The compacted topic: the last change of each key.
    ledger: BTreeMap<String, LedgerChange>,
    /// Each change, with the offset of the record that caused it.
    journal: Vec<(u64, LedgerChange)>,
    next_offset: u64,
    /// Changes of the ledger since the company began.
    pub(crate) ledger_writes: usize,
    pub(crate) stats: Stats,
}

impl Company {
    /// A company that began a hundred days ago: its connection has learned.
    pub(crate) fn learned() -> Company {
        let mut company = Company::new(Engine::new(Settings::default()));
        let first_day = Happening { kind: Kind::LoginSuccess, ..sso(1, "") };
        company.see(&first_day.days_later(-100));
        company
    }

    pub(crate) fn new(engine: Engine) -> Company {
        let findings = Findings::default();
        Company {
            engine,
            findings,
            ledger: BTreeMap::new(),
            journal: Vec::new(),
            next_offset: 0,
            ledger_writes: 0,
            stats: Stats::default(),
        }
    }

    /// The log takes it and the engine sees it.
    pub(crate) fn see(&mut self, happening: &Happening) -> Vec<Alert> {
        self.next_offset += 1;
        self.see_at(self.next_offset, happening)
    }

    /// The engine sees it at an offset of the log: for replays.
    pub(crate) fn see_at(&mut self, offset: u64, happening: &Happening) -> Vec<Alert> {
        let event = happening.event();
        let enriched = Enriched {
            event: &event,
            app: event.app.is_some().then_some(&happening.info),
            status: happening.status,
            alternative: "",
            department: happening.department,
            grant_risk: happening.risk.clone(),
            tables_version: "t1",
        };
        self.engine.observe(at(offset), &enriched, &mut self.findings);
        self.take(offset)
    }

    /// A tick of the log's clock.
    pub(crate) fn tick(&mut self, now_ms: i64) -> Vec<Alert> {
        self.next_offset += 1;
        self.tick_at(self.next_offset, now_ms)
    }

    pub(crate) fn tick_at(&mut self, offset: u64, now_ms: i64) -> Vec<Alert> {
        self.engine.tick("acme", Timestamp(now_ms), at(offset), &mut self.findings);
        self.take(offset)
    }

    /// The caller has committed everything before an offset.
    pub(crate) fn committed(&mut self, offset: u64) {
        self.engine.committed("acme", Position { offset, index: 0 }, &mut self.findings);
        self.take(offset);
    }

    /// What went by `from` goes by another key now, as enrichment says of each reference (`notes` is `notes.example` before any merge).
    pub(crate) fn regroup(&mut self, from: &str, key_of: impl Fn(&str) -> &str) {
        let mut key = |app: &AppRef<'_>, _: &str| Some(key_of(&format!("{}.example", app.id)).to_owned());
        self.engine.regroup("acme", from, &mut key, &mut self.findings);
        self.take(self.next_offset);
    }

    /// What the compacted topic holds.
    pub(crate) fn ledger(&self) -> Vec<&LedgerChange> {
        self.ledger.values().collect()
    }

    /// A crash: everything up to the committed offset is in the ledger, and of what came later any part may be. `is_kept` says which.
    pub(crate) fn crashed(&self, committed: u64, is_kept: impl Fn(usize) -> bool) -> Company {
        let mut ledger = BTreeMap::new();
        for (place, (offset, change)) in self.journal.iter().enumerate() {
            if *offset <= committed || is_kept(place) {
                keep(&mut ledger, change.clone());
            }
        }
        Company { ledger, ..Company::new(Engine::new(Settings::default())) }.restarted(committed)
    }

    /// A new process: an engine restored from the compacted topic, read in the order of a seed.
    pub(crate) fn restarted(&self, seed: u64) -> Company {
        let mut changes: Vec<&LedgerChange> = self.ledger.values().collect();
        changes.sort_by_key(|change| {
            let text = format!("{seed}{:?}", change.key());
            event::content_id(Source::Okta, "", text.as_bytes())
        });
        let mut engine = Engine::new(Settings::default());
        for change in changes {
            if let Some(entry) = change.entry() {
                engine.load(&change.tenant, &entry);
            }
        }
        Company { ledger: self.ledger.clone(), next_offset: self.next_offset, ..Company::new(engine) }
    }

    fn take(&mut self, offset: u64) -> Vec<Alert> {
        for change in self.findings.ledger.drain(..) {
            self.ledger_writes += 1;
            self.journal.push((offset, change.clone()));
            keep(&mut self.ledger, change);
        }
        let stats = self.findings.stats;
        self.stats.without_app += stats.without_app;
        self.stats.by_apps += stats.by_apps;
        self.stats.without_person += stats.without_person;
        self.stats.new_people += stats.new_people;
        self.stats.held_overflow += stats.held_overflow;
        let alerts = std::mem::take(&mut self.findings.alerts);
        self.findings.clear();
        alerts
    }
}

/// The compacted topic takes a change.
fn keep(ledger: &mut BTreeMap<String, LedgerChange>, change: LedgerChange) {
    let key = format!("{} {:?}", change.tenant, change.key());
    if change.entry().is_some() {
        ledger.insert(key, change);
    } else {
        ledger.remove(&key);
    }
}

fn at(offset: u64) -> Observation {
    let position = Position { offset, index: 0 };
    let coordinates = Coordinates { log_id: LogId(7), partition: 0, position };
    Observation { coordinates, logged_at: Timestamp(DAY_0 + 100 * DAY_MS) }
}

/// The rules of alerts that are delivered, in order.
pub(crate) fn raised(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().filter(|alert| alert.state == AlertState::Raised).map(|alert| alert.rule.as_str()).collect()
}
