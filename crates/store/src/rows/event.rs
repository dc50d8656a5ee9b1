//! The row of `events`: every field of an event, what enrichment said when it was stored, and where it stands in the log.

use super::{REPEATED, TIME};
use crate::closed_sets::{
    ACTOR_TYPE, APP_ID_KIND, APP_KIND, CONSENT_TYPE, GRANT_RISK, KIND, OUTCOME, SOURCE, STATUS, STREAM,
};
use crate::{
    bucket_sort::sorted_in_buckets,
    native::{Dictionary, Fixed, Text, native_block},
};

native_block! {
    /// One event. Texts that are empty, numbers and times that are 0 and the address `::` mean "not told".
    EventRow<'a> =>
    /// Events on their way into the table, sorted by its key when the block is taken. All of one block must lie in one month of
    /// `received_at`: the table is partitioned by it, and an insert is atomic only within a partition. What the events of a record share is marked,
    /// and what comes together: `EventRows` fills both.
    EventsBlock in "events" sorted by key_order {
        /// The same for every copy of this event.
        event_id: u128 => Fixed<u128>, "UInt128";
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED, grouped;
        /// The identity provider.
        source: u8 => Fixed<u8>, SOURCE, shared;
        /// Which of its logs.
        stream: u8 => Fixed<u8>, STREAM;
        /// The configured connection.
        connection: &'a str => Dictionary, REPEATED, grouped;
        /// The provider's tenant.
        provider_tenant: &'a str => Dictionary, REPEATED, grouped;
        /// What it means.
        kind: u8 => Fixed<u8>, KIND;
        /// A companion of a consent.
        is_supporting: bool => Fixed<bool>, "Bool";
        /// The provider's id.
        native_id: &'a str => Text, "String";
        /// The provider's type.
        native_type: &'a str => Dictionary, REPEATED;
        /// Shared by the events of one click.
        correlation_id: &'a str => Text, "String";
        /// The provider's session.
        session_id: &'a str => Text, "String";
        /// The provider's transaction.
        transaction_id: &'a str => Text, "String";

        /// When it happened, clamped.
        occurred_at: i64 => Fixed<i64>, TIME;
        /// What it was before it was clamped, in milliseconds: a plain number, because a forged year does not fit a time.
        occurred_at_original_ms: i64 => Fixed<i64>, "Int64";
        /// When the provider published it.
        available_at: i64 => Fixed<i64>, TIME;
        /// When the delivery reached us.
        received_at: i64 => Fixed<i64>, TIME, shared;
        /// When the log took it.
        logged_at: i64 => Fixed<i64>, TIME, shared;

        /// Who acted.
        actor_type: u8 => Fixed<u8>, ACTOR_TYPE;
        /// Pseudonym of the person whose access is concerned.
        user_key: u64 => Fixed<u64>, "UInt64";
        /// Pseudonym of the person who acted, where that is another.
        actor_key: u64 => Fixed<u64>, "UInt64";
        /// The person's department at event time.
        department: &'a str => Dictionary, REPEATED;

        /// The canonical app.
        app_key: &'a str => Dictionary, REPEATED, grouped;
        /// What kind of id the reference holds.
        app_id_kind: u8 => Fixed<u8>, APP_ID_KIND;
        /// The provider's id of the app.
        app_native_id: &'a str => Dictionary, REPEATED, grouped;
        /// The app's name as delivered.
        app_name: &'a str => Dictionary, REPEATED, grouped;
        /// The app's tenant-local object.
        app_object_id: &'a str => Dictionary, REPEATED, grouped;
        /// How the app is built.
        app_kind: u8 => Fixed<u8>, APP_KIND;
        /// What the app is for, where the catalogue knows.
        category: &'a str => Dictionary, REPEATED, grouped;
        /// What IT had decided when the row was made.
        status: u8 => Fixed<u8>, STATUS;
        /// The provider's own app.
        is_first_party: bool => Fixed<bool>, "Bool";

        /// What was granted, as canonical text.
        scopes: &'a str => Dictionary, REPEATED, grouped;
        /// What is new in it.
        scopes_added: &'a str => Dictionary, REPEATED, grouped;
        /// What went away.
        scopes_removed: &'a str => Dictionary, REPEATED, grouped;
        /// The APIs concerned, as canonical text.
        resources: &'a str => Dictionary, REPEATED, grouped;
        /// For whom the consent speaks.
        consent_type: u8 => Fixed<u8>, CONSENT_TYPE;
        /// The provider's id of the grant.
        grant_id: &'a str => Text, "String";
        /// What the grant amounts to.
        grant_risk: u8 => Fixed<u8>, GRANT_RISK;

        /// How it ended.
        outcome: u8 => Fixed<u8>, OUTCOME;
        /// The provider's code.
        outcome_code: &'a str => Dictionary, REPEATED, grouped;
        /// The provider's words.
        outcome_reason: &'a str => Dictionary, REPEATED, grouped;

        /// How the person proved who they are.
        auth_method: &'a str => Dictionary, REPEATED, grouped;
        /// Was a second factor used?
        is_mfa: bool => Fixed<bool>, "Bool";
        /// The protocol, as delivered.
        auth_protocol: &'a str => Dictionary, REPEATED, grouped;

        /// The client's address, IPv4 mapped.
        ip: [u8; 16] => Fixed<[u8; 16]>, "IPv6";
        /// Autonomous system number.
        asn: u32 => Fixed<u32>, "UInt32";
        /// Autonomous system's organisation.
        as_org: &'a str => Dictionary, REPEATED, grouped;
        /// Does the provider call the address a proxy?
        is_proxy: bool => Fixed<bool>, "Bool";
        /// ISO 3166-1 alpha-2.
        country: &'a str => Dictionary, REPEATED, grouped;
        /// City, as delivered.
        city: &'a str => Dictionary, REPEATED, grouped;
        /// User agent, cut at the limit.
        user_agent: &'a str => Dictionary, REPEATED, grouped;
        /// Operating system.
        ua_os: &'a str => Dictionary, REPEATED, grouped;
        /// Browser.
        ua_browser: &'a str => Dictionary, REPEATED, grouped;

        /// What the parser noticed, one bit each.
        parse_warnings: u32 => Fixed<u32>, "UInt32";
        /// Imported history.
        is_backfill: bool => Fixed<bool>, "Bool", shared;
        /// Version of the tables that enrichment used.
        tables_version: &'a str => Dictionary, REPEATED, shared;

        /// The log.
        log_id as "_log_id": u128 => Fixed<u128>, "UInt128", shared;
        /// The partition of the topic.
        partition as "_partition": u32 => Fixed<u32>, "UInt32", shared;
        /// The record.
        offset as "_offset": u64 => Fixed<u64>, "UInt64", shared;
        /// The event in the record.
        index as "_index": u16 => Fixed<u16>, "UInt16";
    }
}

impl EventsBlock {
    /// Rows by (tenant, `app_key`, `occurred_at`), the table's key: the server finds them sorted and its merges stay cheap. Rows of one
    /// instant keep the order of the log.
    fn key_order(&self) -> Vec<u32> {
        let (tenants, apps) = (self.tenant.ranks(), self.app_key.ranks());
        let rank = |ranks: &[u32], number: u32| ranks.get(number as usize).map_or(0, |rank| *rank as usize);
        let rows = || {
            let keys = self.tenant.numbers().zip(self.app_key.numbers());
            let places = keys.map(|(tenant, app)| rank(&tenants, tenant) * apps.len() + rank(&apps, app));
            places.zip(self.occurred_at.iter().zip(0_u32..))
        };
        let sorted = sorted_in_buckets(rows, self.row_count, tenants.len() * apps.len());
        sorted.into_iter().map(|(_, row)| row).collect()
    }
}

impl EventsBlock {
    pub(super) fn app_columns(&mut self) -> [&mut Dictionary; 4] {
        [&mut self.app_key, &mut self.app_native_id, &mut self.app_name, &mut self.category]
    }

    pub(super) fn origin_columns(&mut self) -> [&mut Dictionary; 3] {
        [&mut self.tenant, &mut self.connection, &mut self.provider_tenant]
    }

    pub(super) fn grant_columns(&mut self) -> [&mut Dictionary; 5] {
        let Self { app_object_id, scopes, scopes_added, scopes_removed, resources, .. } = self;
        [app_object_id, scopes, scopes_added, scopes_removed, resources]
    }

    pub(super) fn outcome_columns(&mut self) -> [&mut Dictionary; 4] {
        [&mut self.outcome_code, &mut self.outcome_reason, &mut self.auth_method, &mut self.auth_protocol]
    }

    pub(super) fn network_columns(&mut self) -> [&mut Dictionary; 3] {
        [&mut self.as_org, &mut self.country, &mut self.city]
    }

    pub(super) fn client_columns(&mut self) -> [&mut Dictionary; 3] {
        [&mut self.ua_os, &mut self.ua_browser, &mut self.user_agent]
    }
}

impl EventRow<'_> {
    /// A row in which nothing is told.
    pub const EMPTY: EventRow<'static> = EventRow {
        event_id: 0,
        tenant: "",
        source: 0,
        stream: 0,
        connection: "",
        provider_tenant: "",
        kind: 0,
        is_supporting: false,
        native_id: "",
        native_type: "",
        correlation_id: "",
        session_id: "",
        transaction_id: "",
        occurred_at: 0,
        occurred_at_original_ms: 0,
        available_at: 0,
        received_at: 0,
        logged_at: 0,
        actor_type: 0,
        user_key: 0,
        actor_key: 0,
        department: "",
        app_key: "",
        app_id_kind: 0,
        app_native_id: "",
        app_name: "",
        app_object_id: "",
        app_kind: 0,
        category: "",
        status: 0,
        is_first_party: false,
        scopes: "",
        scopes_added: "",
        scopes_removed: "",
        resources: "",
        consent_type: 0,
        grant_id: "",
        grant_risk: 0,
        outcome: 0,
        outcome_code: "",
        outcome_reason: "",
        auth_method: "",
        is_mfa: false,
        auth_protocol: "",
        ip: [0; 16],
        asn: 0,
        as_org: "",
        is_proxy: false,
        country: "",
        city: "",
        user_agent: "",
        ua_os: "",
        ua_browser: "",
        parse_warnings: 0,
        is_backfill: false,
        tables_version: "",
        log_id: 0,
        partition: 0,
        offset: 0,
        index: 0,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_ordered_by_the_key_of_the_table() {
        let mut block = EventsBlock::new();
        for (tenant, app_key, occurred_at) in
            [("b", "a", 1), ("a", "z", 5), ("a", "z", 4), ("a", "b", 9), ("a", "z", 4), ("b", "", 0)]
        {
            block.push(&EventRow { tenant, app_key, occurred_at, ..EventRow::EMPTY });
        }
        assert_eq!(block.key_order(), [3, 2, 4, 1, 5, 0]);
    }

    #[test]
    fn a_block_begins_with_its_columns_and_rows_and_is_empty_when_taken() {
        let mut block = EventsBlock::new();
        block.push(&EventRow { native_id: "n", ..EventRow::EMPTY });
        let encoded = block.take();
        assert_eq!(encoded.rows, 1);
        assert_eq!(encoded.body[..2], [u8::try_from(EventsBlock::COLUMNS.len()).unwrap(), 1]);
        assert_eq!(block.rows(), 0);
        assert!(block.take().body.len() < encoded.body.len());
    }
}
