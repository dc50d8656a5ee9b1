//! What is done to them, deed by deed.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tests::{
    poll,
    servers::{Clickhouse, Fault, Trouble},
};

use super::{
    DATABASE, EVENT_INSERTS, EVENTS_WEATHER, FOUND_AGAIN, KAFKA_WEATHER, Member, NEW_FOR, SESSION, SOON, Stage, lock,
    weather,
};
use crate::{
    observe::{counter, number},
    schedule::Deed,
};

/// How long a kill waits for an insert.
const INSERT_WITHIN: Duration = Duration::from_secs(20);
/// How long a process stands before it is unheard, and how long it is. Its session is longer than both.
const STANDS: Duration = Duration::from_millis(1_500);
const UNHEARD: Duration = Duration::from_millis(1_200);
/// How long a process that goes on may take to write something.
const WRITES_WITHIN: Duration = Duration::from_secs(10);
/// How often ClickHouse is asked whether it has refused an insert.
const ASK_INTERVAL: Duration = Duration::from_millis(250);
/// Kills that met no insert, before the next deed.
const MISSES_MAX: usize = 20;

impl Stage {
    /// Does it, and undoes it. Blocks for as long as that takes.
    ///
    /// # Errors
    /// Who does not come back.
    pub fn harm(&self, deed: &Deed) -> anyhow::Result<()> {
        match deed {
            Deed::KillProcess { role, number, away_ms, is_unheard } => {
                let member = self.member(role, *number)?;
                if *is_unheard {
                    self.kill_unheard(member, Duration::from_millis(*away_ms))?;
                    self.count("process_kill_unheard");
                } else {
                    self.kill(member, Duration::from_millis(*away_ms))?;
                }
                self.count(&format!("process_kill_{role}"));
            }
            Deed::KillClickhouse { after_us, away_ms } => {
                self.kill_clickhouse(after_us.map(Duration::from_micros), Duration::from_millis(*away_ms))?;
            }
            Deed::Forget => self.forget()?,
            Deed::Outage { away_ms } => {
                let mut clickhouse = lock(&self.clickhouse);
                clickhouse.kill9();
                thread::sleep(Duration::from_millis(*away_ms));
                clickhouse.restart()?;
            }
            Deed::KillBroker { away_ms } => {
                let _disturbed = self.disturb(FOUND_AGAIN);
                let mut kafka = lock(self.kafka.as_ref().context("there is no broker to kill")?);
                kafka.kill9()?;
                thread::sleep(Duration::from_millis(*away_ms));
                kafka.restart()?;
            }
            Deed::Sleep { role, number, beyond_ms } => {
                let member = self.member(role, *number)?;
                let _turn = lock(&member.turn);
                let _disturbed = self.disturb_by(member);
                member.process.pause()?;
                thread::sleep(SESSION + Duration::from_millis(*beyond_ms));
                member.process.resume()?;
                self.count(&format!("sigstop_past_session_{role}"));
            }
            Deed::Stand { who, takes_ms } => {
                self.stand(who, Duration::from_millis(*takes_ms))?;
                self.count(&format!("sigstop_{}", who.to_ascii_lowercase()));
            }
            Deed::Storm { role, takes_ms, seed } => self.storm(role, Duration::from_millis(*takes_ms), *seed)?,
            Deed::Trouble { trouble, takes_ms } => self.trouble(*trouble, Duration::from_millis(*takes_ms))?,
        }
        self.count(deed.kind());
        Ok(())
    }

    /// Holds whatever keeps others from finding it dead meanwhile.
    fn stand(&self, who: &str, takes: Duration) -> anyhow::Result<()> {
        match who {
            "ClickHouse" => {
                let mut clickhouse = lock(&self.clickhouse);
                // The embedded engine may have ended by itself (a body that was cut), before or just now.
                poll(SOON, "ClickHouse stands", || {
                    clickhouse.revive()?;
                    clickhouse.pause()
                })?;
                thread::sleep(takes);
                clickhouse.resume()
            }
            "broker" => {
                let _disturbed = self.disturb(FOUND_AGAIN);
                let kafka = lock(self.kafka.as_ref().context("there is no broker to stop")?);
                kafka.pause()?;
                thread::sleep(takes);
                kafka.resume()
            }
            role => {
                let member = self.member(role, 0)?;
                let _turn = lock(&member.turn);
                let _disturbed = self.disturb_by(member);
                member.process.pause()?;
                thread::sleep(takes);
                member.process.resume()
            }
        }
    }

    fn member(&self, role: &str, number: u64) -> anyhow::Result<&Member> {
        let found = self.members.iter().find(|member| member.role == role && member.number == number);
        found.with_context(|| format!("there is no {role} {number}"))
    }

    /// `kill -9`, and a start after a while.
    pub(crate) fn kill(&self, member: &Member, away: Duration) -> anyhow::Result<()> {
        let _turn = lock(&member.turn);
        let _disturbed = self.disturb_by(member);
        member.process.kill9()?;
        thread::sleep(away);
        self.start_again(member)
    }

    /// As `kill`, but the process first stands until much waits for it, then goes on while nothing that it writes is taken: whoever says that
    /// work is done before its results are durable has said so when the kill comes, which is when the first of them were not taken. `sink`
    /// writes to ClickHouse, others to the log; of what `detect` writes, alerts are taken: they come first, and would hold up the rest.
    fn kill_unheard(&self, member: &Member, away: Duration) -> anyhow::Result<()> {
        // First of all: who waits for it must not keep a process that has ended from being started again.
        let _inserts = lock(&self.inserts);
        let _turn = lock(&member.turn);
        let _disturbed = self.disturb_by(member);
        let (proxy, writes, usual) = match (&self.kafka_proxy, member.role) {
            (Some(kafka), "detect") => (kafka, "Produce ledger", KAFKA_WEATHER),
            (Some(kafka), "notify") => (kafka, "Produce", KAFKA_WEATHER),
            _ => (&self.clickhouse_proxy, EVENT_INSERTS, EVENTS_WEATHER),
        };
        // Its own attempts, where it counts them: others write through the same proxy.
        let attempts = || match member.role {
            "sink" | "run" => counter(member, "daylight_sink_inserts_total", "outcome=\"ambiguous\",table=\"events\""),
            _ => Ok(proxy.faults_of(writes).get(&Fault::DropRequest).copied().unwrap_or(0)),
        };
        let before = attempts().unwrap_or(0);
        member.process.pause()?;
        thread::sleep(STANDS);
        proxy.schedule_of(writes, weather(&[(Fault::DropRequest, 1_000)]));
        member.process.resume()?;
        let has_written = poll(WRITES_WITHIN, "it writes", || {
            ensure!(attempts()? > before);
            Ok(())
        });
        if has_written.is_err() {
            self.count("process_kill_unheard_with_nothing_to_say");
        }
        thread::sleep(UNHEARD);
        member.process.kill9()?;
        proxy.schedule_of(writes, weather(usual));
        thread::sleep(away);
        self.start_again(member)
    }

    /// The next insert of events that was never sent before leaves its token and nothing else.
    fn forget(&self) -> anyhow::Result<()> {
        let _inserts = lock(&self.inserts);
        let proxy = &self.clickhouse_proxy;
        let forgotten = || proxy.faults_of(EVENT_INSERTS).get(&Fault::ForgetRows).copied().unwrap_or(0);
        let before = forgotten();
        proxy.schedule_of(EVENT_INSERTS, weather(&[(Fault::ForgetRows, 1_000)]));
        let has_forgotten = poll(SOON, "ClickHouse forgets rows", || {
            ensure!(forgotten() > before, "nobody inserts events for the first time");
            Ok(())
        });
        proxy.schedule_of(EVENT_INSERTS, weather(EVENTS_WEATHER));
        has_forgotten
    }

    /// Only who tells receivers can forget that they were told.
    fn disturb_by(&self, member: &Member) -> Option<super::Disturbed<'_>> {
        // Beside a broker, its next one joins a group first.
        let and = if member.role == "run" { NEW_FOR } else { FOUND_AGAIN };
        matches!(member.role, "run" | "notify").then(|| self.disturb(and))
    }

    /// Kills until a kill has met an insert: one that went to the server and got no answer.
    fn kill_clickhouse(&self, after: Option<Duration>, away: Duration) -> anyhow::Result<()> {
        for _ in 0..MISSES_MAX {
            let mut clickhouse = lock(&self.clickhouse);
            let (deadline, before) = (Instant::now() + INSERT_WITHIN, self.clickhouse_proxy.cut_by_server());
            if let Some(after) = after {
                while self.clickhouse_proxy.under_way() == 0 && Instant::now() < deadline {
                    thread::sleep(Duration::from_micros(200));
                }
                thread::sleep(after);
                clickhouse.kill9();
            // It may have ended by itself just now, of a request that was cut off: then nobody answers, and this was a kill between inserts.
            } else if !clickhouse.kill9_amid_commit(DATABASE, "events", INSERT_WITHIN).unwrap_or(false) {
                clickhouse.kill9();
            }
            let has_met = poll(Duration::from_millis(300), "an insert was cut", || {
                ensure!(self.clickhouse_proxy.cut_by_server() > before);
                Ok(())
            });
            thread::sleep(away);
            clickhouse.restart()?;
            if has_met.is_ok() {
                return Ok(());
            }
            self.count("clickhouse_kill_between_inserts");
        }
        bail!("{MISSES_MAX} kills of ClickHouse met no insert: nobody inserts")
    }

    fn trouble(&self, trouble: Trouble, takes: Duration) -> anyhow::Result<()> {
        let change = |what: &str, change: &dyn Fn(&Clickhouse) -> anyhow::Result<()>| {
            poll(SOON, &format!("{} {what}", trouble.name()), || {
                let mut clickhouse = lock(&self.clickhouse);
                clickhouse.revive()?;
                change(&clickhouse)
            })
        };
        // As the server counts them, since its start.
        let refused = || number(self, &format!("SELECT sum(value) FROM system.errors WHERE code = {}", trouble.code()));
        let mut known = poll(SOON, "ClickHouse tells its errors", refused)?;
        change("begins", &|clickhouse| clickhouse.begin(trouble, DATABASE))?;
        let (began, mut has_met) = (Instant::now(), false);
        while began.elapsed() < takes || (!has_met && began.elapsed() < SOON) {
            thread::sleep(ASK_INTERVAL);
            // It may be away just now, or have been.
            if let Ok(now) = refused() {
                has_met |= now > known;
                known = now;
            }
        }
        change("ends", &|clickhouse| clickhouse.end(trouble, DATABASE))?;
        ensure!(has_met, "no insert met the trouble {} within {SOON:?}", trouble.name());
        self.count(&format!("clickhouse_{}", trouble.name()));
        Ok(())
    }
}
