//! `kill -9` of ClickHouse in the middle of inserts, again and again, under the whole process: every row is there once, though the server
//! has been seen to acknowledge rows that it had lost. Prints how often that had to be mended.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use runtime::Shutdown;
use sink::Config;
use support::{Running, Stack, mixed, sign_ons, tick};

/// Kills, unless the environment says otherwise (`DAYLIGHT_TESTS_KILLS`).
const KILLS: u64 = 55;
/// Events of a record.
const EVENTS: u64 = 500;
/// Records that wait in the log at most: the server is to be busy, and the test to end.
const AHEAD_MAX: u64 = 60;

#[test]
fn killed_amid_inserts_the_server_has_every_row_once_in_the_end() {
    let kills = std::env::var("DAYLIGHT_TESTS_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut stack = Stack::start();
    let config = Config { batch_rows_max: 4_000, flush_interval_ms: 20, retry_wait_max_ms: 50, ..Running::config() };
    let running = Running::start(&stack.broker, &stack.server.url(), stack.runtime.handle(), config);
    let (is_over, appended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let appending = {
        let (broker, is_over, appended) = (stack.broker.clone(), Arc::clone(&is_over), Arc::clone(&appended));
        let values: Vec<_> =
            (0..2).map(|partition| sign_ons(partition, u64::from(partition) * EVENTS, EVENTS)).collect();
        thread::spawn(move || {
            let pause = Shutdown::new();
            while !is_over.load(Ordering::Relaxed) {
                let (_, end) = broker.watermarks("t.events", 0).unwrap();
                let landed = broker.committed("sink", "t.events", 0).unwrap().map_or(0, |committed| committed.offset);
                if end - landed.min(end) > AHEAD_MAX {
                    pause.sleep(Duration::from_millis(5));
                    continue;
                }
                for record in &values {
                    broker.append("t.events", record.clone()).unwrap().wait().unwrap();
                }
                appended.fetch_add(2 * EVENTS, Ordering::Relaxed);
            }
        })
    };
    let moment = Shutdown::new();
    for kill in 0..kills {
        let landed = running.metric("daylight_sink_rows_total");
        running.wait("rows land and more are under way", || {
            running.metric("daylight_sink_rows_total") > landed
                && running.metric("daylight_sink_batches_in_flight") > 0.0
        });
        moment.sleep(Duration::from_micros(mixed(kill) % 40_000));
        stack.kill_server();
    }
    is_over.store(true, Ordering::Relaxed);
    appending.join().unwrap();
    running.wait("everything has landed", || stack.is_done());
    let count = |name: &str| running.metric(&format!("daylight_sink_{name}_total"));
    let (read_backs, repairs, repaired) = (count("read_backs"), count("repairs"), count("repaired_rows"));
    // Past the captured output, which is only shown when the test fails.
    writeln!(
        std::io::stderr().lock(),
        "{kills} kills over {} rows: {read_backs} batches read back, {repairs} repaired ({repaired} rows)",
        appended.load(Ordering::Relaxed)
    )
    .ok();
    assert_eq!(count("surplus_rows"), 0.0);
    // A kill may meet a moment without any insert, but not all of them.
    assert!(
        read_backs >= f64::from(u32::try_from(kills).unwrap()) / 3.0,
        "only {read_backs} inserts were met by {kills} kills"
    );
    running.stop().unwrap();
    let rows = appended.load(Ordering::Relaxed);
    stack.is_exact(rows);
    stack.stop();
}

/// It was sent to nobody, so there is nothing to read back, and the run of the server that was there before never comes again: the batch was
/// asked about without end, and its partition stood for ever.
#[test]
fn a_batch_without_events_lands_though_the_server_was_started_anew() {
    let mut stack = Stack::start();
    let running = stack.run();
    running.wait("its run is long enough to be told from the next", || stack.ask("SELECT uptime() >= 3") == "1");
    for partition in 0..2 {
        stack.append(sign_ons(partition, 0, 10));
    }
    running.wait("the sink knows which run of the server answers", || stack.is_done());
    stack.kill_server();
    for partition in 0..2 {
        stack.append(tick(partition));
    }
    running.wait("the ticks have landed", || stack.is_done());
    for partition in 0..2 {
        stack.append(sign_ons(partition, 10, 10));
    }
    running.wait("everything has landed", || stack.is_done());
    running.stop().unwrap();
    stack.is_exact(40);
    stack.stop();
}
