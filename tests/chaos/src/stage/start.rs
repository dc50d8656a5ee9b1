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
    pub fn start(engine: Engine, seed: u64, amounts: &Amounts, environment: &[(&str, &str)]) -> anyhow::Result<Stage> {
        let (clickhouse, receiver) = (Clickhouse::start()?, Receiver::start()?);
        let host = |url: &str| url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        let before = |upstream: &str, place: u64| FaultProxy::start(upstream, Protocol::Http, seed.wrapping_add(place));
        let clickhouse_proxy = before(&host(&clickhouse.url()), 1)?;
        // What is asked on the way is left alone: a question that fails is no fault of exactly-once.
        clickhouse_proxy.only("INSERT");
        let receiver_proxy = before(&host(receiver.url()), 2)?;
        let kafka = match engine {
            Engine::Embedded => None,
            Engine::Kafka => Some(KafkaServer::start_behind_proxy(seed.wrapping_add(3))?),
        };
        let plan = Plan {
            told: format!("{}/alerts", receiver_proxy.url()),
            webhook_key: receiver.key().to_owned(),
            clickhouse: clickhouse_proxy.url(),
            kafka: kafka.as_ref().map(|(_, proxy)| proxy.address().to_owned()),
            tenants: amounts.tenants,
            environment: environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        };
        let mut members = Vec::new();
        for (role, count) in engine.roles() {
            for number in 0..*count {
                // A broker that has just begun may turn a first start away: a supervisor would try again, too.
                let started = poll(SOON, &format!("{role} {number} starts"), || plan.member(role, number));
                members.push(started?);
            }
        }
        let ingests = members.iter().filter(|member| matches!(member.role, "ingest" | "run"));
        let doors = ingests.map(|member| before(&host(&member.process.events_url("")), 10 + member.number));
        let doors = doors.collect::<anyhow::Result<_>>()?;
        let (kafka, kafka_proxy) =
            kafka.map_or((None, None), |(server, proxy)| (Some(Mutex::new(server)), Some(proxy)));
        let stage = Stage {
            engine,
            began: Instant::now(),
            doors,
            members,
            receiver,
            clickhouse_proxy,
            receiver_proxy,
            clickhouse: Mutex::new(clickhouse),
            kafka,
            kafka_proxy,
            passers_by: Mutex::default(),
            plan,
            inserts: Mutex::default(),
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

/// What all processes are told alike.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    told: String,
    webhook_key: String,
    clickhouse: String,
    kafka: Option<String>,
    tenants: u64,
    environment: Vec<(String, String)>,
}

impl Plan {
    /// Starts one of them; it need not be ready yet.
    pub(super) fn member(&self, role: &'static str, number: u64) -> anyhow::Result<Member> {
        let process = self.setup(role).start()?;
        Ok(Member { role, number, process, at_first: Mutex::new(Size::default()), turn: Mutex::new(()) })
    }

    fn setup(&self, role: &'static str) -> Setup {
        let mut setup = Setup::new().role(role).not_ready_is_fine().clickhouse(&self.clickhouse, DATABASE);
        for tenant in 0..self.tenants {
            setup = setup.tenant(&tenant_id(tenant));
            setup = setup.connection(&connection_id(tenant), &tenant_id(tenant), "okta", &org(tenant));
        }
        for (name, value) in &self.environment {
            setup = setup.env(name, value);
        }
        if let Some(kafka) = &self.kafka {
            let session_ms = i64::try_from(SESSION.as_millis()).unwrap_or(i64::MAX);
            let properties = [("session.timeout.ms", session_ms), ("heartbeat.interval.ms", 1_000)];
            let text = |(key, value): (&str, i64)| (key.to_owned(), Value::from(value.to_string()));
            setup = setup.kafka(kafka).set("log.kafka_properties", properties.into_iter().map(text).collect::<Table>());
        }
        let key = Table::from_iter([("env".to_owned(), Value::from(WEBHOOK_KEY))]);
        let webhook = [("id", "hook"), ("kind", "webhook"), ("url", &self.told)];
        let mut webhook: Table = webhook.into_iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
        webhook.insert("secret".to_owned(), key.into());
        // N1 alone speaks: each new app is one alert.
        setup
            .receiver_table(webhook)
            .env(WEBHOOK_KEY, &self.webhook_key)
            .set("detect.learning_days", 0)
            .set("detect.adoption_told_people_max", 0)
            .set("detect.popular_people", Vec::<Value>::new())
            .set("detect.snapshot_interval_ms", 2_000)
            .set("sink.flush_interval_ms", 100)
            .set("sink.retry_wait_max_ms", 500)
            .set("sink.insert_timeout_ms", 1_500)
            .set("notify.retry_wait_max_ms", 1_000)
            .set("notify.request_timeout_ms", 10_000)
            .set("log.partitions", i64::try_from(self.tenants).unwrap_or(4))
    }
}
