//! What a million events cost between a row and the disk: `insert_cost HOST_PROGRAM LIBRARY [ROWS [APPS [BLOCK_ROWS]]]`, in release.
//!
//! Prints the processor time that building a block takes us, and the one that inserting it takes the server, merges included and apart.

use std::path::PathBuf;
use std::time::Duration;

use store::{
    Client, DatabaseName, Deduplication, EmbeddedServer, EncodedBlock, EventRow, EventsBlock, HostCommand,
    InsertOutcome, MIGRATIONS, ServerOptions,
};

/// 2026-03-01T09:30:00.123Z.
const MS: i64 = 1_772_357_400_123;

/// Ticks of `/proc/PID/stat` in a second (`getconf CLK_TCK`).
const TICKS_PER_SECOND: f64 = 100.0;

type Failure = Box<dyn std::error::Error>;

/// Texts that events choose from.
struct Texts {
    native_ids: Vec<String>,
    apps: Vec<(String, String, String)>,
    agents: Vec<String>,
    sessions: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let command = HostCommand { program: argument(1, "").into(), prefix: vec![PathBuf::from(argument(2, "")).into()] };
    let rows: u64 = argument(3, "1000000").parse()?;
    let apps: u64 = argument(4, "800").parse()?;
    let block_rows: u64 = argument(5, "250000").parse()?;
    let folder = tempfile::tempdir()?;
    let server = EmbeddedServer::start(command, ServerOptions::new(folder.path().into())).await?;
    let client = Client::new(server.connection(DatabaseName::parse("cost")?))?;
    client.migrate(MIGRATIONS).await?;
    println!("ready after {:?}", server.ready_after());

    let texts = texts(apps);
    let (mut push, mut take, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    let mut block = EventsBlock::new();
    let before = cpu_seconds(server.process_id())?;
    let began = std::time::Instant::now();
    for start in (0..rows).step_by(usize::try_from(block_rows)?) {
        let clock = thread_time()?;
        (start..rows.min(start + block_rows)).for_each(|number| push_event(&mut block, &texts, number));
        push += thread_time()? - clock;
        let clock = thread_time()?;
        let encoded: EncodedBlock = block.take();
        take += thread_time()? - clock;
        bytes += encoded.body.len();
        let outcome =
            client.insert(&encoded, &format!("cost/{start}"), Deduplication::ByToken, Duration::from_secs(60)).await;
        if outcome != InsertOutcome::Clean {
            return Err(format!("{outcome:?}").into());
        }
    }
    let (wall, inserted) = (began.elapsed(), cpu_seconds(server.process_id())?);
    client.execute("merging", "OPTIMIZE TABLE events FINAL", &[]).await?;
    let merged = cpu_seconds(server.process_id())?;
    let per_row = |time: Duration| time.as_nanos() / u128::from(rows);
    let millions = std::time::Duration::from_secs(rows).as_secs_f64() / 1e6;
    println!(
        "push {} ns a row, sort and encode {} ns a row, {} bytes a row",
        per_row(push),
        per_row(take),
        bytes as u64 / rows
    );
    println!(
        "server {:.2} s a million rows to insert (with what it merged meanwhile), {:.2} s to merge into one part; wall {wall:?}",
        (inserted - before) / millions,
        (merged - inserted) / millions
    );
    let size = "SELECT count(), sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase() AND table = 'events' AND active";
    println!("parts and bytes on disk: {}", client.query_text(size, &[], "TSV").await?.trim());
    server.stop().await;
    Ok(())
}

fn texts(apps: u64) -> Texts {
    Texts {
        apps: (0..apps)
            .map(|app| (format!("app-{app}.example.com"), format!("App {app}"), format!("{:032x}", app * 77)))
            .collect(),
        native_ids: (0..4_096).map(|id| format!("{:036x}", id * 104_729)).collect(),
        agents: (0..200)
            .map(|agent| format!("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{agent}.0"))
            .collect(),
        sessions: (0..5_000).map(|session| format!("{:024x}", session * 7_919)).collect(),
    }
}

/// One event, from its number: apps by a steep curve, people, sessions and agents spread over their lists.
fn push_event(block: &mut EventsBlock, texts: &Texts, number: u64) {
    let random = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let pick = |length: usize, shift: u32| usize::try_from((random >> shift) % length as u64).unwrap_or(0);
    let app = pick(texts.apps.len(), 7) * pick(texts.apps.len(), 23) / texts.apps.len();
    let Some((app_key, app_name, client)) = texts.apps.get(app) else { return };
    block.push(&EventRow {
        event_id: u128::from(random) << 64 | u128::from(number),
        tenant: ["acme", "contoso", "initech", "umbrella"].get(pick(4, 3)).copied().unwrap_or("acme"),
        connection: "okta",
        provider_tenant: "acme.okta.com",
        kind: 3,
        native_id: texts.native_ids.get(pick(texts.native_ids.len(), 17)).map_or("", String::as_str),
        native_type: "user.authentication.sso",
        session_id: texts.sessions.get(pick(texts.sessions.len(), 11)).map_or("", String::as_str),
        occurred_at: MS + i64::try_from(number / 50).unwrap_or(0),
        received_at: MS + i64::try_from(number / 50).unwrap_or(0) + 700,
        user_key: (random >> 20) % 10_000,
        department: ["Sales", "Finance", "Legal", "IT"].get(pick(4, 40)).copied().unwrap_or(""),
        app_key,
        app_id_kind: 2,
        app_native_id: client,
        app_name,
        ip: u128::from(random % 4_000).to_be_bytes(),
        country: ["DE", "US", "FR", "NL"].get(pick(4, 44)).copied().unwrap_or(""),
        city: "Berlin",
        user_agent: texts.agents.get(pick(texts.agents.len(), 31)).map_or("", String::as_str),
        ua_os: "Linux",
        ua_browser: "Chrome",
        outcome: 1,
        tables_version: "v1",
        log_id: 9,
        offset: number / 100,
        index: u16::try_from(number % 100).unwrap_or(0),
        ..EventRow::EMPTY
    });
}

/// Processor time of this thread so far: the neighbours of a shared machine are not in it.
fn thread_time() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().ok_or("a line of /proc without its first field")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// Processor time of a process so far: user and system, fields 14 and 15 of `/proc/PID/stat`.
fn cpu_seconds(process_id: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').ok_or("a line of /proc without a name")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}
