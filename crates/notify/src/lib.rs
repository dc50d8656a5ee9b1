//! The process that tells people: alerts to signed webhooks, Slack and Alertmanager, until each receiver has said 2xx.
//!
//! What has been delivered is remembered in the compacted topic `deliveries`, so a restart tells nobody twice; what has not is read again
//! from `alerts`, because an offset is committed only when nothing before it waits.

mod config;
mod deliver;
mod error;
mod message;
mod metrics;
mod process;
mod progress;
mod reader;
mod receivers;
mod repost;
mod told;

pub use config::{Config, ReceiverConfig, ReceiverKind, SeverityMin};
pub use error::NotifyError;
pub use process::{Notify, Setup};
