//! The rows of `decisions`, `aliases` and `reveals`: control records that people ask for again. Each carries its coordinates in its key, so that the
//! same record again replaces itself.

use super::{REPEATED, TIME};
use crate::closed_sets::{ALIAS_ACTION, STATUS};
use crate::native::{Dictionary, Fixed, List, Text, native_block};

native_block! {
    /// One decision about an app.
    DecisionRow<'a> =>
    /// Decisions on their way into the table.
    DecisionsBlock in "decisions" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The canonical app.
        app_key: &'a str => Dictionary, REPEATED;
        /// The references known when it was made.
        app_refs: &'a [&'a str] => List<Text>, "Array(String)";
        /// The new state.
        status: u8 => Fixed<u8>, STATUS;
        /// The state that it replaces.
        previous: u8 => Fixed<u8>, STATUS;
        /// Only for this department; empty for all.
        department: &'a str => Dictionary, REPEATED;
        /// Who answers for the app.
        owner: &'a str => Text, "String";
        /// Why.
        reason: &'a str => Text, "String";
        /// Who decided.
        decided_by: &'a str => Text, "String";
        /// When.
        decided_at: i64 => Fixed<i64>, TIME;
        /// When it ends; 0 for never.
        expires_at: i64 => Fixed<i64>, TIME;
        /// The log.
        log_id as "_log_id": u128 => Fixed<u128>, "UInt128";
        /// The partition.
        partition as "_partition": u32 => Fixed<u32>, "UInt32";
        /// The record.
        offset as "_offset": u64 => Fixed<u64>, "UInt64";
        /// The place in the record.
        index as "_index": u16 => Fixed<u16>, "UInt16";
    }
}

native_block! {
    /// One merge or split of apps.
    AliasRow<'a> =>
    /// Merges and splits on their way into the table.
    AliasesBlock in "aliases" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// Merge or split.
        action: u8 => Fixed<u8>, ALIAS_ACTION;
        /// The app that goes under.
        from_app_key: &'a str => Text, "String";
        /// The app that it becomes part of.
        to_app_key: &'a str => Text, "String";
        /// Why.
        reason: &'a str => Text, "String";
        /// Who decided.
        decided_by: &'a str => Text, "String";
        /// When.
        decided_at: i64 => Fixed<i64>, TIME;
        /// The log.
        log_id as "_log_id": u128 => Fixed<u128>, "UInt128";
        /// The partition.
        partition as "_partition": u32 => Fixed<u32>, "UInt32";
        /// The record.
        offset as "_offset": u64 => Fixed<u64>, "UInt64";
        /// The place in the record.
        index as "_index": u16 => Fixed<u16>, "UInt16";
    }
}

native_block! {
    /// One look behind a pseudonym.
    RevealRow<'a> =>
    /// Reveals on their way into the table.
    RevealsBlock in "reveals" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// Whose name was asked for.
        user_key: u64 => Fixed<u64>, "UInt64";
        /// Why.
        reason: &'a str => Text, "String";
        /// Who asked.
        revealed_by: &'a str => Text, "String";
        /// When.
        revealed_at: i64 => Fixed<i64>, TIME;
        /// The log.
        log_id as "_log_id": u128 => Fixed<u128>, "UInt128";
        /// The partition.
        partition as "_partition": u32 => Fixed<u32>, "UInt32";
        /// The record.
        offset as "_offset": u64 => Fixed<u64>, "UInt64";
        /// The place in the record.
        index as "_index": u16 => Fixed<u16>, "UInt16";
    }
}
