//! Migrations: forward only, each run once, recorded with its hash.
//!
//! ClickHouse has no transactions over schema changes and no lock that two processes could share. So every statement of a migration says
//! IF NOT EXISTS, or may be run twice for another reason (a test holds it): a migration that was interrupted, or that two processes run at
//! once, ends in the same tables, and is recorded under the same key.

use clickhouse::Row;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Client, StoreError, split::statements};

/// The table that remembers. It is no migration itself: it must be there before the first one.
const CREATE_RECORDS: &str = "CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32 COMMENT 'Number of the migration',
    name String COMMENT 'Its file name',
    hash String COMMENT 'SHA-256 of the file, in hexadecimal',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was run'
)
ENGINE = ReplacingMergeTree
ORDER BY version";

/// ClickHouse's numbers for what is not there.
const UNKNOWN_TABLE: u32 = 60;
const UNKNOWN_DATABASE: u32 = 81;

/// A file of `schemas/clickhouse`.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number: they run in this order.
    pub version: u32,
    /// Its file name.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../schemas/clickhouse/", $name, ".sql")),
        }
    };
}

/// Every migration in order. A file that has been released is never changed again; a change is a new file at the end.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_events"),
    migration!(2, "0002_alerts"),
    migration!(3, "0003_dead_letters"),
    migration!(4, "0004_decisions"),
    migration!(5, "0005_identities"),
    migration!(6, "0006_usage"),
    migration!(7, "0007_views"),
    migration!(8, "0008_aliases"),
    migration!(9, "0009_redriven"),
    migration!(10, "0010_coverage"),
    migration!(11, "0011_expectations"),
    migration!(12, "0012_storage"),
];

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// Run now, by name.
    pub applied: Vec<&'static str>,
    /// How many had run before.
    pub known: usize,
}

/// A line of `schema_migrations`.
#[derive(Row, Deserialize)]
struct Recorded {
    version: u32,
    hash: String,
}

impl Migration {
    /// SHA-256 of the text, in lower-case hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        Sha256::digest(self.sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Client {
    /// Makes the database what `migrations` (usually `MIGRATIONS`) say. Running it again does nothing.
    ///
    /// # Errors
    /// `StoreError`: a migration that had run here differs from its file, the database knows one that this binary does not, or the
    /// server refuses a statement. What ran before the error stays, and is not run again.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<MigrationReport, StoreError> {
        let recorded = match self.recorded().await {
            // Nothing is made before it is known to be missing: an account that may not make anything can start where all is there.
            Err(StoreError::Refused { code: UNKNOWN_TABLE | UNKNOWN_DATABASE, .. }) => {
                self.create_database().await?;
                self.execute("creating the list of migrations", CREATE_RECORDS, &[]).await?;
                self.recorded().await?
            }
            told => told?,
        };
        let pending = pending(migrations, &recorded)?;
        let mut report = MigrationReport { applied: Vec::new(), known: recorded.len() };
        for migration in pending {
            self.apply(migration).await?;
            tracing::info!(migration = migration.name, "migrated the database");
            report.applied.push(migration.name);
        }
        Ok(report)
    }

    async fn recorded(&self) -> Result<Vec<Recorded>, StoreError> {
        let sql = "SELECT version, hash FROM schema_migrations FINAL ORDER BY version";
        self.rows("reading the list of migrations", sql, &[]).await
    }

    async fn apply(&self, migration: &Migration) -> Result<(), StoreError> {
        for statement in statements(migration.sql) {
            self.execute("running a migration", statement, &[]).await?;
        }
        let version = migration.version.to_string();
        self.execute(
            "recording a migration",
            "INSERT INTO schema_migrations (version, name, hash) SELECT {version:UInt32}, {name:String}, {hash:String}",
            &[("version", &version), ("name", migration.name), ("hash", &migration.hash())],
        )
        .await
    }
}

/// Which are still to be run, in order.
fn pending<'m>(migrations: &'m [Migration], recorded: &[Recorded]) -> Result<Vec<&'m Migration>, StoreError> {
    for record in recorded {
        let Some(migration) = migrations.iter().find(|migration| migration.version == record.version) else {
            return Err(StoreError::MigrationUnknown { version: record.version });
        };
        let now = migration.hash();
        if now != record.hash {
            let (name, recorded) = (migration.name.to_owned(), record.hash.clone());
            return Err(StoreError::MigrationChanged { name, recorded, now });
        }
    }
    Ok(migrations
        .iter()
        .filter(|migration| recorded.iter().all(|record| record.version != migration.version))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Migration = Migration { version: 1, name: "0001_one", sql: "SELECT 1" };
    const TWO: Migration = Migration { version: 2, name: "0002_two", sql: "SELECT 2" };

    fn record(migration: &Migration) -> Recorded {
        Recorded { version: migration.version, hash: migration.hash() }
    }

    #[test]
    fn every_statement_may_be_run_twice() {
        for migration in MIGRATIONS {
            for statement in statements(migration.sql) {
                // A view holds nothing, so that it may be put in the place of itself; a setting or a codec that is set again is the same.
                let words = ["IF NOT EXISTS", "CREATE OR REPLACE VIEW ", "MODIFY SETTING", "MODIFY COLUMN"];
                let may_run_twice = words.iter().any(|words| statement.contains(words));
                assert!(may_run_twice, "{}: {statement}", migration.name);
            }
        }
    }

    #[test]
    fn numbers_are_contiguous_and_stand_in_the_file_name() {
        for (migration, number) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.version, number);
            assert!(migration.name.starts_with(&format!("{number:04}_")), "{}", migration.name);
        }
    }

    #[test]
    fn what_ran_before_is_not_run_again() {
        let both = [ONE, TWO];
        let names = |recorded: &[Recorded]| -> Vec<&str> {
            pending(&both, recorded).unwrap().iter().map(|migration| migration.name).collect()
        };
        assert_eq!(names(&[]), ["0001_one", "0002_two"]);
        assert_eq!(names(&[record(&ONE)]), ["0002_two"]);
        assert!(names(&[record(&ONE), record(&TWO)]).is_empty());
    }

    #[test]
    fn a_changed_migration_and_a_newer_database_are_refused() {
        let changed = Migration { sql: "SELECT 3", ..ONE };
        let error = pending(&[changed], &[record(&ONE)]).unwrap_err();
        assert!(matches!(&error, StoreError::MigrationChanged { name, .. } if name == "0001_one"), "{error}");
        let error = pending(&[ONE], &[record(&TWO)]).unwrap_err();
        assert!(matches!(error, StoreError::MigrationUnknown { version: 2 }), "{error}");
    }

    #[test]
    fn the_hash_is_sha_256() {
        // `printf 'SELECT 1' | sha256sum`
        assert_eq!(ONE.hash(), "e004ebd5b5532a4b85984a62f8ad48a81aa3460c1ca07701f386135d72cdecf5");
    }
}
