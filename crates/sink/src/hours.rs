//! The hours of which each connection has told something, derived from a batch. Where there is none for longer than a connection may be silent,
//! figures are called partial (`schemas/clickhouse/0011_expectations.sql`).
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
    /// Few: a batch holds what came within a second.
    heard: Vec<Heard>,
    block: SourceHoursBlock,
}

/// What a connection told.
struct Heard {
    tenant: String,
    connection: String,
    hours: HashMap<i64, Span>,
    /// The hour of the event before, which stands in `hours` only when another came.
    hour: i64,
    span: Span,
}

impl Heard {
    fn take(&mut self, hour: i64, at: i64) {
        if hour != self.hour {
            self.settle();
            (self.hour, self.span) = (hour, (at, at));
        }
        self.span = (self.span.0.min(at), self.span.1.max(at));
    }

    fn settle(&mut self) {
        let (first, last) = self.hours.entry(self.hour).or_insert(self.span);
        (*first, *last) = ((*first).min(self.span.0), (*last).max(self.span.1));
    }
}

impl Hours {
    /// Takes one event. One whose time was clamped says nothing about an hour.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        if event.occurred_at_original.is_some() {
            return;
        }
        let at = event.occurred_at.0;
        let hour = at.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
        let is_its = |heard: &&mut Heard| heard.tenant == event.tenant && heard.connection == event.connection;
        match self.heard.iter_mut().find(is_its) {
            Some(heard) => heard.take(hour, at),
            None => {
                let (tenant, connection) = (event.tenant.to_owned(), event.connection.to_owned());
                self.heard.push(Heard { tenant, connection, hours: HashMap::new(), hour, span: (at, at) });
            }
        }
    }

    /// The block of everything taken since the last time; empty where nothing was.
    pub(crate) fn seal(&mut self) -> EncodedBlock {
        for mut heard in self.heard.drain(..) {
            heard.settle();
            let Heard { tenant, connection, hours, .. } = &heard;
            for (hour, (first_at, last_at)) in hours {
                let (hour, first_at, last_at) = (*hour, *first_at, *last_at);
                let row = SourceHourRow { tenant, connection, hour, first_at, last_at };
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
