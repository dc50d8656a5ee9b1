//! Starting everybody, with settings under which things happen quickly: small batches, short waits, many snapshots.

use std::{
    collections::BTreeMap,
    sync::{Mutex, atomic::AtomicBool},
    time::Instant,
};

use anyhow::ensure;
use tests::{
    poll,
    servers::{Clickhouse, FaultProxy, KafkaServer, Protocol, Receiver, Setup},
};
use toml::{Table, Value};

use super::{DATABASE, Member, SESSION, SOON, Size, Stage};
use crate::{
    amounts::Amounts,
    generator::{connection_id, org, tenant_id},
    schedule::Engine,
};

/// Of the webhook's key.
const WEBHOOK_KEY: &str = "CHAOS_WEBHOOK_KEY";

impl Stage {
    /// Starts everybody and waits until all are ready.
    ///
    /// # Errors
    /// Who does not come up.
    pub fn start(engine: Engine, seed: u64, amounts: &Amounts) -> anyhow::Result<Stage> {
        let (clickhouse, receiver) = (Clickhouse::start()?, Receiver::start()?);
        let host = |url: &str| url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let before = |upstream: &str, place: u64| FaultProxy::start(upstream, Protocol::Http, seed.wrapping_add(place));
        let clickhouse_proxy = before(&host(&clickhouse.url()), 1)?;
        // What is asked on the way is left alone: a question that fails is no fault of exactly-once.
        clickhouse_proxy.only("INSERT");
        let receiver_proxy = before(&host(receiver.url()), 2)?;
        let kafka = match engine {
            Engine::Embedded => None,
            Engine::Kafka => Some(KafkaServer::start()?),
        };
        let told = format!("{}/alerts", receiver_proxy.url());
        let mut members = Vec::new();
        for (role, count) in engine.roles() {
            for number in 0..*count {
                let setup = setup(role, amounts, &told, receiver.key()).clickhouse(&clickhouse_proxy.url(), DATABASE);
                let setup = match &kafka {
                    Some(kafka) => setup.kafka(&kafka.bootstrap),
                    None => setup,
                };
                let (process, at_first) = (setup.start()?, Mutex::new(Size::default()));
                members.push(Member { role, number, process, at_first, turn: Mutex::new(()) });
            }
        }
        let ingests = members.iter().filter(|member| matches!(member.role, "ingest" | "run"));
        let doors = ingests.map(|member| before(&host(&member.process.events_url("")), 10 + member.number));
        let stage = Stage {
            engine,
            began: Instant::now(),
            doors: doors.collect::<anyhow::Result<_>>()?,
            members,
            receiver,
            clickhouse_proxy,
            receiver_proxy,
            clickhouse: Mutex::new(clickhouse),
            kafka: kafka.map(Mutex::new),
            disturbances: Mutex::default(),
            counts: Mutex::new(BTreeMap::new()),
            is_over: AtomicBool::new(false),
        };
        stage.heal()?;
        Ok(stage)
    }

    /// A process listens somewhere else after each start: its proxy is told.
    pub(super) fn open_door(&self, member: &Member) {
        let ingests = self.members.iter().filter(|member| matches!(member.role, "ingest" | "run"));
        for (door, ingest) in self.doors.iter().zip(ingests) {
            if std::ptr::eq(member, ingest) {
                let url = member.process.events_url("");
                door.upstream(url.trim_start_matches("http://").split('/').next().unwrap_or_default());
            }
        }
    }

    /// Starts a process that has ended, and tries again where it ends at once: a supervisor would, too.
    pub(super) fn start_again(&self, member: &Member) -> anyhow::Result<()> {
        poll(SOON, &format!("{} starts again", member.name()), || {
            let began = member.process.restart();
            if began.is_err() {
                self.count("start_failed");
            }
            began
        })?;
        self.open_door(member);
        Ok(())
    }

    /// Notes what everybody holds, to be compared with what they hold in the end.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn measure(&self) -> anyhow::Result<()> {
        for member in &self.members {
            let size = member.size()?;
            ensure!(size.threads > 0, "{} has no threads", member.name());
            *super::lock(&member.at_first) = size;
        }
        Ok(())
    }
}

fn setup(role: &'static str, amounts: &Amounts, told: &str, webhook_key: &str) -> Setup {
    let mut setup = Setup::new().role(role).not_ready_is_fine();
    for tenant in 0..amounts.tenants {
        setup = setup.tenant(&tenant_id(tenant));
        setup = setup.connection(&connection_id(tenant), &tenant_id(tenant), "okta", &org(tenant));
    }
    let key = Table::from_iter([("env".to_owned(), Value::from(WEBHOOK_KEY))]);
    let webhook = [("id", "hook"), ("kind", "webhook"), ("url", told)];
    let mut webhook: Table = webhook.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    webhook.insert("secret".to_owned(), key.into());
    setup = setup.receiver_table(webhook).env(WEBHOOK_KEY, webhook_key);
    let session_ms = i64::try_from(SESSION.as_millis()).unwrap_or(i64::MAX);
    let kafka = [("session.timeout.ms", session_ms), ("heartbeat.interval.ms", 1_000)];
    let kafka: Table = kafka.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value.to_string()))).collect();
    // N1 alone speaks: each new app is one alert.
    let setup = setup
        .set("detect.learning_days", 0)
        .set("detect.adoption_told_people_max", 0)
        .set("detect.popular_people", Vec::<Value>::new())
        .set("detect.snapshot_interval_ms", 2_000);
    let setup = setup
        .set("sink.flush_interval_ms", 100)
        .set("sink.retry_wait_max_ms", 500)
        .set("sink.insert_timeout_ms", 1_500);
    setup
        .set("notify.retry_wait_max_ms", 1_000)
        .set("notify.request_timeout_ms", 1_500)
        .set("log.partitions", i64::try_from(amounts.tenants).unwrap_or(4))
        .set("log.kafka_properties", kafka)
}
