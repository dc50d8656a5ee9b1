//! `ledger hash`: what detection remembers of each tenant, as a hash, and what it would remember if it knew nothing but the ledger.
//!
//! When nothing is on its way the two are equal, and equal to those of any other process that has read the same log: the checker of the
//! chaos runs compares them.

use broker::Broker;
use detect::{Inspector, Remembered};
use enrichment::Enricher;
use serde::{Deserialize, Serialize};

use super::refused::Refused;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HashRequest {
    /// Is the ledger to be read, too? All of it: that takes a while.
    pub(crate) rebuild: bool,
}

/// What is remembered of one tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct HashLine {
    /// The tenant.
    pub(crate) tenant: String,
    /// Its partition.
    pub(crate) partition: u32,
    /// The next offset of `events` that detection reads.
    pub(crate) next_offset: u64,
    /// Pairs of app and person.
    pub(crate) pairs: usize,
    /// 32 hexadecimal digits; empty when detection remembers nothing of the tenant and the ledger does.
    pub(crate) hash: String,
    /// The same from the ledger alone; empty when that was not asked for, or the ledger has nothing of the tenant.
    pub(crate) rebuilt_hash: String,
}

/// Answers.
#[derive(Clone)]
pub(crate) struct Rememberer {
    /// Asks the detection of this process; nothing where another process has that role.
    pub(crate) inspector: Option<Inspector>,
    /// Where the ledger is.
    pub(crate) broker: Broker,
    /// What the topics' names begin with.
    pub(crate) topic_prefix: String,
    /// What apps are called.
    pub(crate) enricher: Enricher,
}

impl Rememberer {
    /// By tenant.
    pub(crate) async fn hash(self, request: HashRequest) -> Result<Vec<HashLine>, Refused> {
        let work = tokio::task::spawn_blocking(move || self.hash_now(&request));
        work.await.unwrap_or_else(|error| Err(Refused::Unavailable(format!("the work ended without a word: {error}"))))
    }

    fn hash_now(&self, request: &HashRequest) -> Result<Vec<HashLine>, Refused> {
        let Some(inspector) = &self.inspector else {
            return Err(Refused::Unknown("this process does not detect; ask the one that does".to_owned()));
        };
        let silent = || Refused::Unavailable("detection does not answer; is it ready?".to_owned());
        let mut lines: Vec<HashLine> = inspector.ask().ok_or_else(silent)?.iter().map(line).collect();
        if request.rebuild {
            let rebuilt = detect::rebuilt(&self.broker, &self.topic_prefix, &self.enricher);
            for found in rebuilt.map_err(|error| Refused::Unavailable(error.to_string()))? {
                let mut own = line(&found);
                own.rebuilt_hash = std::mem::take(&mut own.hash);
                match lines.iter_mut().find(|line| line.tenant == own.tenant) {
                    Some(line) => line.rebuilt_hash = own.rebuilt_hash,
                    // A tenant of a partition that another process has.
                    None => lines.push(own),
                }
            }
        }
        Ok(lines)
    }
}

fn line(found: &Remembered) -> HashLine {
    HashLine {
        tenant: found.tenant.clone(),
        partition: found.partition,
        next_offset: found.next_offset,
        pairs: found.pairs,
        hash: format!("{:032x}", found.hash),
        rebuilt_hash: String::new(),
    }
}
