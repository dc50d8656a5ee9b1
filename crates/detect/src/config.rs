//! The settings of detection that an installation may choose.

use detection::Settings;
use serde::Deserialize;

/// The section `[detect]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Days after a connection's first day during which what is new is only recorded.
    pub learning_days: u16,
    /// How many people an app must reach to be called popular.
    pub popular_people: Vec<u32>,
    /// Each new person on a known app is told of until so many people use it.
    pub adoption_told_people_max: u32,
    /// Ticks that a companion of a consent waits for it.
    pub held_ticks: u16,
    /// Records taken by one poll.
    pub poll_records_max: usize,
    /// How long one poll waits. Milliseconds.
    pub poll_timeout_ms: u64,
    /// Records of one partition (alerts, changes of the ledger) that may wait until they are durable, while events are read on.
    pub waiting_records_max: usize,
    /// How often offsets are committed; what came after the last commit is read again after a crash, and changes nothing. Milliseconds.
    pub commit_interval_ms: u64,
    /// How often a snapshot of the ledger is written beside the log, where the ledger has changed; 0 for never. Milliseconds.
    pub snapshot_interval_ms: u64,
}

impl Default for Config {
    fn default() -> Config {
        let settings = Settings::default();
        Config {
            learning_days: settings.learning_days,
            popular_people: settings.popular_people,
            adoption_told_people_max: settings.adoption_told_people_max,
            held_ticks: settings.held_ticks,
            poll_records_max: 256,
            poll_timeout_ms: 50,
            waiting_records_max: 65_536,
            commit_interval_ms: 100,
            snapshot_interval_ms: 300_000,
        }
    }
}

impl Config {
    /// The engine's settings.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            learning_days: self.learning_days,
            popular_people: self.popular_people.clone(),
            adoption_told_people_max: self.adoption_told_people_max,
            held_ticks: self.held_ticks,
            ..Settings::default()
        }
    }
}
