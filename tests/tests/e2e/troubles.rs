//! ClickHouse in every trouble that passes, under load: it refuses, is stopped where it stands, has no room on its disk. Rows wait, and each is
//! there once in the end.

use std::time::Duration;

use anyhow::{Context, ensure};
use store::KEPT_FREE_BYTES;
use tests::{
    events::OKTA_ORG,
    load::Load,
    poll,
    servers::{Clickhouse, Daylight, Disk, Receiver, Setup, Trouble},
};

use crate::{
    crash::{alerts_are_exact, rows_are_exact},
    faults::counter,
};

const DATABASE: &str = "troubles";
/// The size of ClickHouse's disk: what it leaves free, and room for the rows.
const DISK_MIB: u64 = 256;
/// What is left of it when it is full. Not nothing: what the server leaves free is there so that a merge under way never meets the end.
const LEFT_BYTES: u64 = KEPT_FREE_BYTES / 2;
/// Generous: on two cores beside other tests.
const SOON: Duration = Duration::from_secs(120);

/// Inserts of which nobody knew what became of them, so far.
fn in_doubt(daylight: &Daylight) -> anyhow::Result<f64> {
    counter(daylight, |line| line.starts_with("daylight_sink_inserts_total") && line.contains("ambiguous"))
}

/// Waits until rows have come, then brings the trouble, waits until inserts have met it, and takes it away.
fn meet(
    daylight: &Daylight,
    what: &str,
    begin: impl Fn() -> anyhow::Result<()>,
    end: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let rows = daylight.number("SELECT count() FROM events")?;
    poll(SOON, &format!("rows flow before {what}"), || {
        let now = daylight.number("SELECT count() FROM events")?;
        ensure!(now > rows, "{now}, and {rows} before");
        Ok(())
    })?;
    let before = in_doubt(daylight)?;
    begin()?;
    poll(SOON, &format!("inserts meet {what}"), || {
        let now = in_doubt(daylight)?;
        ensure!(now >= before + 2.0, "{now}, and {before} before");
        Ok(())
    })?;
    end()
}

#[test]
fn whatever_clickhouse_refuses_for_a_while_every_row_is_there_once() -> anyhow::Result<()> {
    let disk = Disk::mount(DISK_MIB)?;
    let (receiver, clickhouse) = (Receiver::start()?, Clickhouse::start_on(&disk)?);
    let setup = Setup::new().connection("okta", "acme", "okta", OKTA_ORG).receiver("hook", &receiver);
    let setup = setup.set("detect.learning_days", 0).clickhouse(&clickhouse.url(), DATABASE);
    let setup = setup.set("sink.flush_interval_ms", 50).set("sink.retry_wait_max_ms", 200);
    let daylight = setup.set("sink.insert_timeout_ms", 1_500).start()?;
    let load = Load::new();
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| load.run(&daylight, "okta"));
        let went = (|| {
            for trouble in Trouble::ALL {
                let [begin, end] = [trouble.begins(DATABASE), trouble.ends(DATABASE)];
                // Twice: whoever lost the answer begins and ends it again.
                let twice = |sql: &str| clickhouse.execute(sql).and_then(|()| clickhouse.execute(sql));
                meet(&daylight, trouble.name(), || twice(&begin), || twice(&end))?;
            }
            meet(&daylight, "a server that stands", || clickhouse.pause(), || clickhouse.resume())?;
            meet(&daylight, "a full disk", || disk.fill(LEFT_BYTES), || disk.clear())
        })();
        load.stop();
        went.and(sender.join().ok().context("the sender panicked"))
    })?;
    rows_are_exact(&daylight, &sent)?;
    alerts_are_exact(&daylight, &receiver, &sent)?;
    ensure!(
        daylight.number("SELECT count() FROM dead_letters")? == 0,
        "trouble that passes is none of the rows' mistake"
    );
    let surplus = counter(&daylight, |line| line.starts_with("daylight_sink_surplus_rows_total"))?;
    ensure!(surplus == 0.0, "{surplus} rows are there that should not be");
    Ok(())
}
