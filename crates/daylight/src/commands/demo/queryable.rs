//! How long until an event can be asked for: looks at the table again and again, and notes when each record of the log first shows.
//!
//! What is measured is an upper bound: it holds the time between two looks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{pipeline::Pipeline, receiver::now_ms};

/// The time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// From log append to the first look that shows the row, in milliseconds, for each record logged after `since_ms`.
pub(crate) async fn watch(pipeline: &Pipeline, since_ms: i64, stop: Arc<Notify>) -> anyhow::Result<Vec<i64>> {
    let mut seen: HashMap<(u64, u64), i64> = HashMap::new();
    let query = format!(
        "SELECT _partition, _offset, toUnixTimestamp64Milli(any(logged_at)) FROM events \
         WHERE logged_at >= fromUnixTimestamp64Milli(toInt64({since_ms})) GROUP BY _partition, _offset"
    );
    let stopped = stop.notified();
    tokio::pin!(stopped);
    loop {
        for row in pipeline.rows(&query).await? {
            let number = |index: usize| row.get(index).and_then(serde_json::Value::as_u64).unwrap_or(0);
            let logged_at_ms = row.get(2).and_then(serde_json::Value::as_i64).unwrap_or(0);
            seen.entry((number(0), number(1))).or_insert_with(|| now_ms() - logged_at_ms);
        }
        tokio::select! {
            () = &mut stopped => return Ok(seen.into_values().collect()),
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
}
