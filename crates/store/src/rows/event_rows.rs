//! Rows of `events` as they come in records: texts that come together are looked up together, and what a record's events share is added once.

use super::event::{EventRow, EventsBlock};
use crate::native::{EncodedBlock, Group};

/// What tells texts apart that come together: equal keys, equal texts. An empty key says nothing of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventKeys<'a> {
    /// Of `app_key`, `app_native_id`, `app_name` and `category`.
    pub app: &'a [u8],
    /// Of `app_object_id`, `scopes`, `scopes_added`, `scopes_removed` and `resources`.
    pub grant: &'a [u8],
    /// Of `outcome_code`, `outcome_reason`, `auth_method` and `auth_protocol`.
    pub outcome: &'a [u8],
    /// Of `as_org`, `country` and `city`.
    pub network: &'a [u8],
    /// Of `ua_os`, `ua_browser` and `user_agent`.
    pub client: &'a [u8],
}

/// Events on their way into the table, record by record.
#[derive(Default)]
pub struct EventRows {
    block: EventsBlock,
    /// Rows whose record has not been finished.
    unfinished: usize,
    origin: Group<3>,
    app: Group<4>,
    grant: Group<5>,
    outcome: Group<4>,
    network: Group<3>,
    client: Group<3>,
}

impl EventRows {
    /// No rows.
    #[must_use]
    pub fn new() -> EventRows {
        EventRows::default()
    }

    /// Adds one row, without what it shares with the others of its record.
    pub fn push(&mut self, row: &EventRow<'_>, keys: &EventKeys<'_>) {
        self.unfinished += 1;
        let block = &mut self.block;
        block.push_own(row);
        let texts = [row.app_key, row.app_native_id, row.app_name, row.category];
        self.app.push(keys.app, block.app_columns(), texts, 1);
        let texts = [row.app_object_id, row.scopes, row.scopes_added, row.scopes_removed, row.resources];
        self.grant.push(keys.grant, block.grant_columns(), texts, 1);
        let texts = [row.outcome_code, row.outcome_reason, row.auth_method, row.auth_protocol];
        self.outcome.push(keys.outcome, block.outcome_columns(), texts, 1);
        self.network.push(keys.network, block.network_columns(), [row.as_org, row.country, row.city], 1);
        self.client.push(keys.client, block.client_columns(), [row.ua_os, row.ua_browser, row.user_agent], 1);
    }

    /// Ends a record: gives the rows added since the last one what they share. `origin` is the key of `tenant`, `connection` and
    /// `provider_tenant`.
    pub fn finish_record(&mut self, shared: &EventRow<'_>, origin: &[u8]) {
        let rows = std::mem::take(&mut self.unfinished);
        if rows == 0 {
            return;
        }
        let texts = [shared.tenant, shared.connection, shared.provider_tenant];
        self.origin.push(origin, self.block.origin_columns(), texts, rows);
        self.block.push_shared(shared, rows);
    }

    /// Gives the columns of groups the rows that they do not have yet.
    fn settle(&mut self) {
        let block = &mut self.block;
        self.origin.settle(block.origin_columns());
        self.app.settle(block.app_columns());
        self.grant.settle(block.grant_columns());
        self.outcome.settle(block.outcome_columns());
        self.network.settle(block.network_columns());
        self.client.settle(block.client_columns());
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.block.rows()
    }

    /// Bytes that the rows of finished records will take, header aside.
    #[must_use]
    pub fn bytes(&mut self) -> usize {
        self.settle();
        self.block.bytes()
    }

    /// The block of all rows so far; what follows starts a new one. The last record must have been finished: a row without what it shares would
    /// make columns of unequal length, so it is given nothing to share.
    #[must_use]
    pub fn take(&mut self) -> EncodedBlock {
        self.finish_record(&EventRow::EMPTY, &[]);
        self.settle();
        let encoded = self.block.take();
        self.origin.clear();
        self.app.clear();
        self.grant.clear();
        self.outcome.clear();
        self.network.clear();
        self.client.clear();
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_come_in_records_are_the_rows_that_come_whole() {
        let texts = ["a", "b", "a", "c"];
        let record = |tenant, offset| EventRow { tenant, offset, tables_version: "1", ..EventRow::EMPTY };
        // Records of so many rows, the first alone in its columns and the last in none of them.
        let records = [(record("t", 7), 1), (record("t", 8), 3), (record("u", 8), 0), (record("u", 9), 4)];
        let (mut whole, mut apart) = (EventsBlock::new(), EventRows::new());
        for _ in 0..2 {
            for (shared, rows) in &records {
                for (place, text) in texts.iter().enumerate().take(*rows) {
                    let row = EventRow {
                        native_id: text,
                        app_key: text,
                        category: "chat",
                        scopes: text,
                        outcome_code: "ok",
                        city: if place > 1 { text } else { "" },
                        user_agent: text,
                        ..shared.clone()
                    };
                    whole.push(&row);
                    let city = [b"city: ", row.city.as_bytes()].concat();
                    let (text, outcome) = (text.as_bytes(), b"ok".as_slice());
                    // Of the browser nothing is known.
                    apart.push(&row, &EventKeys { app: text, grant: text, outcome, network: &city, client: &[] });
                }
                apart.finish_record(shared, shared.tenant.as_bytes());
            }
            assert_eq!(whole.bytes(), apart.bytes());
            assert_eq!(whole.take().body, apart.take().body);
        }
    }

    #[test]
    fn a_record_that_nobody_finished_makes_no_columns_of_unequal_length() {
        let (mut whole, mut apart) = (EventsBlock::new(), EventRows::new());
        let row = EventRow { native_id: "n", country: "DE", ..EventRow::EMPTY };
        whole.push(&row);
        apart.push(&row, &EventKeys::default());
        assert_eq!(whole.take().body, apart.take().body);
    }
}
