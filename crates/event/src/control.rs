//! Control records: everything beside events that changes a verdict, in the same log and the same order.

use crate::{Decision, Timestamp, UserKey, closed_set::closed_set};

/// One control record of a tenant's partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// IT decided about an app.
    Decision(Decision),
    /// Two references are one app, or no longer.
    Alias(Alias),
    /// A table was swapped.
    TableVersion(TableVersion),
    /// Time has come this far.
    Tick(Tick),
    /// Somebody asked for the name behind a pseudonym.
    Reveal(Reveal),
}

closed_set! {
    /// Which way an alias goes.
    AliasAction {
        /// From now on one app.
        Merge => "merge",
        /// No longer.
        Split => "split",
    }
}

/// A merge of one app into another, or its undoing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// Merge or split.
    pub action: AliasAction,
    /// The app that goes under, by `app_key`.
    pub from_app_key: String,
    /// The app that it becomes part of, by `app_key`.
    pub to_app_key: String,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
}

closed_set! {
    /// What events are judged by beside the log: the tables that enrichment looks things up in, and the key behind every pseudonym.
    TableName {
        /// What is known about apps.
        Catalogue => "catalogue",
        /// Who works in which department, from when to when.
        Directory => "directory",
        /// Known networks.
        Networks => "networks",
        /// The rules and their settings.
        Rules => "rules",
        /// The tenant's key for pseudonyms. Its version is the key's fingerprint: another key would make everybody new, so a process that
        /// was given another one does not start.
        TenantKey => "tenant_key",
    }
}

/// A table was swapped for another version. The log holds the version, not the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// Which table.
    pub table: TableName,
    /// Its version: a hash of its content, in hexadecimal (of a key: its fingerprint).
    pub version: String,
    /// When it was swapped in.
    pub loaded_at: Timestamp,
}

/// One a minute and partition, so that rules about absence need no clock. Several ingests write them; readers take the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The minute that has begun.
    pub at: Timestamp,
}

/// The audit record of `daylight reveal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reveal {
    /// Whose name was asked for.
    pub user_key: UserKey,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub revealed_by: String,
    /// When.
    pub revealed_at: Timestamp,
}
