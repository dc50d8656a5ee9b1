//! The row of `alerts`: a finding with everything that explains it.

use super::{REPEATED, TIME};
use crate::closed_sets::{ALERT_STATE, SEVERITY};
use crate::native::{Dictionary, Fixed, List, Text, native_block};

native_block! {
    /// One alert episode.
    AlertRow<'a> =>
    /// Alerts on their way into the table. The same alert again replaces itself.
    AlertsBlock in "alerts" {
        /// Of tenant, rule, subject and episode.
        alert_id: u128 => Fixed<u128>, "UInt128";
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The rule's id.
        rule: &'a str => Dictionary, REPEATED;
        /// The rule's version.
        rule_version: u16 => Fixed<u16>, "UInt16";
        /// How loud.
        severity: u8 => Fixed<u8>, SEVERITY;
        /// Delivered or only recorded.
        state: u8 => Fixed<u8>, ALERT_STATE;
        /// 0 to 100.
        score: u8 => Fixed<u8>, "UInt8";
        /// What adds up to the score, by name.
        factor_names: &'a [&'a str] => List<Text>, "Array(String)";
        /// What each adds.
        factor_points: &'a [i16] => List<Fixed<i16>>, "Array(Int16)";
        /// One sentence.
        title: &'a str => Text, "String";
        /// Why it matters and what to do.
        description: &'a str => Text, "String";
        /// What the episode is about.
        subject: &'a str => Text, "String";
        /// The value that opened it.
        episode: &'a str => Text, "String";
        /// The canonical app.
        app_key: &'a str => Dictionary, REPEATED;
        /// The app's reference as `source:kind:id`.
        app_ref: &'a str => Dictionary, REPEATED;
        /// The app's name as delivered.
        app_name: &'a str => Dictionary, REPEATED;
        /// A well-known name that it only looks like.
        looks_like: &'a str => Dictionary, REPEATED;
        /// The person.
        user_key: u64 => Fixed<u64>, "UInt64";
        /// The person's department at event time.
        department: &'a str => Dictionary, REPEATED;
        /// People who had met the app.
        people: u32 => Fixed<u32>, "UInt32";
        /// The events that opened it.
        evidence: &'a [u128] => List<Fixed<u128>>, "Array(UInt128)";
        /// A query that returns exactly those rows.
        evidence_query: &'a str => Text, "String";
        /// The sanctioned app of the same category.
        alternative: &'a str => Dictionary, REPEATED;
        /// What would have prevented it.
        prevention: &'a str => Dictionary, REPEATED;
        /// MITRE ATT&CK technique.
        technique: &'a str => Dictionary, REPEATED;
        /// When the opening event happened.
        occurred_at: i64 => Fixed<i64>, TIME;
        /// When it reached us.
        received_at: i64 => Fixed<i64>, TIME;
        /// When the log took it.
        logged_at: i64 => Fixed<i64>, TIME;
        /// Did it come later than its source usually is?
        is_late: bool => Fixed<bool>, "Bool";
        /// Version of the tables that the verdict used.
        tables_version: &'a str => Dictionary, REPEATED;
        /// The log of the opening event.
        log_id as "_log_id": u128 => Fixed<u128>, "UInt128";
        /// Its partition.
        partition as "_partition": u32 => Fixed<u32>, "UInt32";
        /// Its record.
        offset as "_offset": u64 => Fixed<u64>, "UInt64";
        /// Its index in the record.
        index as "_index": u16 => Fixed<u16>, "UInt16";
    }
}
