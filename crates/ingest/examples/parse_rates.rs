//! How fast one core splits and parses each provider's events, and how often it allocates: over the fixtures of the parser tests, repeated.
//!
//! `cargo run --release -p ingest --example parse_rates`; with `QUICK=1` a tenth of the time. One line a provider: events a second and core,
//! bytes and allocations an event. An event of a fixture is smaller than many a real one; the bytes stand beside the rate for that reason.
//! The time is the processor's, as the kernel counts it, so that a machine that does other things as well measures the same.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement, not a product"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use event::{Source, TenantKey};
use ingest::parse::{ParseContext, parse_body, readable_providers};

/// Bytes of one body: about a full page of the largest provider.
const BODY_BYTES: usize = 4 * 1024 * 1024;

/// Counts what is allocated and leaves the work to the system.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written otherwise; each call goes to the system's with the caller's own arguments"
)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let measured = Duration::from_millis(if std::env::var_os("QUICK").is_some() { 200 } else { 2_000 });
    println!("{:<18}{:>14}{:>14}{:>14}{:>10}", "provider", "events/s", "bytes/event", "allocations", "MB/s");
    // What is mapped costs what its mapping says.
    for provider in readable_providers().filter(|provider| *provider != Source::Mapped) {
        match body(provider) {
            Some(body) => measure(provider, &body, measured),
            None => println!("{provider:<18} no fixtures"),
        }
    }
}

fn measure(provider: Source, body: &[u8], measured: Duration) {
    let key = TenantKey::new([7; 32]);
    let context = ParseContext::new("acme", "rates", &key);
    let parse = || {
        let mut events = 0_u64;
        parse_body(provider, body, &context, usize::MAX, &mut |_, _| events += 1);
        events
    };
    let of_one = parse();
    let (before, began) = (ALLOCATIONS.load(Ordering::Relaxed), processor_time());
    let mut rounds = 0_u64;
    while processor_time() - began < measured {
        rounds += 1;
        assert_eq!(parse(), of_one, "the same body holds as many events each time");
    }
    let (seconds, events) = ((processor_time() - began).as_secs_f64(), (rounds * of_one) as f64);
    let allocations = (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / events;
    let bytes = rounds as f64 * body.len() as f64;
    println!(
        "{:<18}{:>14.0}{:>14.0}{allocations:>14.1}{:>10.0}",
        provider.as_str(),
        events / seconds,
        bytes / events,
        bytes / seconds / 1e6
    );
}

/// What this thread has had of a processor (the first number of `schedstat`).
fn processor_time() -> Duration {
    let told = fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(told.split(' ').next().unwrap().parse().unwrap())
}

/// The fixtures of a provider, one a line without layout, again and again.
fn body(provider: Source) -> Option<Vec<u8>> {
    let name = match provider {
        Source::GoogleWorkspace => "google",
        Source::M365Ual => "ual",
        other => other.as_str(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts: Vec<String> = files.iter().map(|file| without_layout(&fs::read_to_string(file).unwrap())).collect();
    let mut body = Vec::with_capacity(BODY_BYTES);
    for text in texts.iter().cycle() {
        if body.len() + text.len() >= BODY_BYTES {
            return Some(body);
        }
        body.extend_from_slice(text.as_bytes());
        body.push(b'\n');
    }
    None
}

/// As providers send it: without the spaces that a fixture has for people.
fn without_layout(text: &str) -> String {
    let (mut is_in_text, mut is_escaped) = (false, false);
    let is_kept = |c: &char| {
        let is_layout = !is_in_text && c.is_ascii_whitespace();
        is_in_text ^= *c == '"' && !is_escaped;
        is_escaped = is_in_text && !is_escaped && *c == '\\';
        !is_layout
    };
    text.chars().filter(is_kept).collect()
}
