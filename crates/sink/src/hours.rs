//! The hours of which each connection has told something, derived from a batch. Where there is none for half a day, figures are called partial
//! (`schemas/clickhouse/0010_coverage.sql`).
//!
//! Minima and maxima, so a batch that is sent again changes nothing. Where the table refuses an event, its hour stays: the connection spoke.

use event::Event;
use hashbrown::HashMap;
use store::{EncodedBlock, SourceHourRow, SourceHoursBlock};

/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;

/// The first and the last event of an hour.
type Span = (i64, i64);

/// What a batch says of hours.
#[derive(Default)]
pub(crate) struct Hours {
    /// (tenant, connection) → hour → span. Few of each: a batch holds what came within a second.
    heard: Vec<((String, String), HashMap<i64, Span>)>,
    block: SourceHoursBlock,
}

impl Hours {
    /// Takes one event. One whose time was clamped says nothing about an hour.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        if event.occurred_at_original.is_some() {
            return;
        }
        let at = event.occurred_at.0;
        let hour = at.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
        let is_its = |heard: &&mut ((String, String), HashMap<i64, Span>)| {
            heard.0.0 == event.tenant && heard.0.1 == event.connection
        };
        match self.heard.iter_mut().find(is_its) {
            Some((_, hours)) => {
                let (first, last) = hours.entry(hour).or_insert((at, at));
                (*first, *last) = ((*first).min(at), (*last).max(at));
            }
            None => {
                let hours = HashMap::from_iter([(hour, (at, at))]);
                self.heard.push(((event.tenant.to_owned(), event.connection.to_owned()), hours));
            }
        }
    }

    /// The block of everything taken since the last time; empty where nothing was.
    pub(crate) fn seal(&mut self) -> EncodedBlock {
        for ((tenant, connection), hours) in self.heard.drain(..) {
            for (hour, (first_at, last_at)) in hours {
                let row = SourceHourRow { tenant: &tenant, connection: &connection, hour, first_at, last_at };
                self.block.push(&row);
            }
        }
        self.block.take()
    }
}

#[cfg(test)]
mod tests {
    use event::Timestamp;

    use super::*;
    use crate::fixture::{MARCH_MS, sign_on};

    #[test]
    fn an_hour_holds_its_first_and_last_event_and_a_clamped_time_none() {
        let mut hours = Hours::default();
        for (number, at_ms) in [(1, 5), (2, 1), (3, 9), (4, HOUR_MS + 1)] {
            let mut event = sign_on(number, "0oa1", 1, MARCH_MS);
            event.occurred_at = Timestamp(100 * HOUR_MS + at_ms);
            hours.take(&event);
        }
        let mut clamped = sign_on(5, "0oa1", 1, MARCH_MS);
        clamped.occurred_at_original = Timestamp(7);
        hours.take(&clamped);
        let mut other = sign_on(6, "0oa1", 1, MARCH_MS);
        (other.connection, other.occurred_at) = ("another", Timestamp(100 * HOUR_MS));
        hours.take(&other);
        let block = hours.seal();
        let mut rows: Vec<_> = (0..block.rows)
            .map(|row| {
                let row = block.select(&[row]).unwrap();
                let number = |column| row.numbers(column).unwrap()[0];
                (row.texts("connection").unwrap().concat(), number("hour"), number("first_at"), number("last_at"))
            })
            .collect();
        rows.sort();
        let hour = u64::try_from(HOUR_MS).unwrap();
        let own = sign_on(1, "0oa1", 1, MARCH_MS).connection.to_owned();
        let mut expected = vec![
            (own.clone(), 100 * hour, 100 * hour + 1, 100 * hour + 9),
            (own, 101 * hour, 101 * hour + 1, 101 * hour + 1),
            ("another".to_owned(), 100 * hour, 100 * hour, 100 * hour),
        ];
        expected.sort();
        assert_eq!(rows, expected);
        assert_eq!(hours.seal().rows, 0);
    }
}
