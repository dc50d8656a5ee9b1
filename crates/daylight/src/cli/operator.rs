//! What operators type to a running Daylight, and `init`, with which it begins.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::PossibleValue};

use super::{AdminArgs, RunArgs, moment::moment};
use crate::service::History;

/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;

/// Who asks, and about which tenant.
#[derive(Args, Debug, Clone)]
pub(crate) struct OperatorArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// The tenant; may be left out where there is one only.
    #[arg(long, default_value = "")]
    pub(crate) tenant: String,
}

/// Arguments of `decide`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DecideArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
    /// The app: its key (`slack.com`), a reference (`okta:app_id:0oa…`), or its name where only one app has it.
    pub(crate) app: String,
    /// What holds from now on.
    #[arg(value_parser = statuses())]
    pub(crate) status: String,
    /// Why: somebody will ask for it in a year.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who answers for the app; as before where it is left out.
    #[arg(long, default_value = "")]
    pub(crate) owner: String,
    /// When it ends: a day (`2027-03-01`, its beginning in UTC) or a time from now (`90d`, `12h`). Then the app is unreviewed again.
    #[arg(long, value_parser = expiry)]
    pub(crate) expires: Option<Expiry>,
    /// Only for this department, whose own decision goes before the one for all.
    #[arg(long, default_value = "")]
    pub(crate) department: String,
    /// The label that an administrator gave to a reference that nobody has used yet.
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// Who decides; your account's name where it is left out.
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) who: Option<String>,
}

/// Arguments of `merge` and `split`.
#[derive(Args, Debug, Clone)]
pub(crate) struct MergeArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
    /// The app that goes under: its key, a reference (`okta:app_id:0oa…`), or its name where only one app has it.
    pub(crate) from: String,
    /// The app that it becomes part of, or no longer is part of.
    pub(crate) into: String,
    /// Why: somebody will ask for it in a year.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who decides; your account's name where it is left out.
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) who: Option<String>,
}

/// Arguments of `backfill`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BackfillArgs {
    /// Whom to ask: a process that runs ingest.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// The connection, as the configuration names it.
    pub(crate) connection: String,
    /// From when on: a day (`2026-03-01`, its beginning in UTC) or a time (`2026-03-01T09:30:00Z`). Providers keep 7 to 180 days.
    #[arg(long, value_parser = moment, value_name = "TIME", conflicts_with_all = ["status", "cancel"])]
    pub(crate) since: Option<i64>,
    /// Up to when; where it is left out, up to where live polling has come. What lies there and was not yet seen live will alert nobody.
    #[arg(long, value_parser = moment, value_name = "TIME", requires = "since")]
    pub(crate) until: Option<i64>,
    /// Only say how far it is.
    #[arg(long, conflicts_with = "cancel")]
    pub(crate) status: bool,
    /// End what was ordered. What was fetched stays.
    #[arg(long)]
    pub(crate) cancel: bool,
    /// Order it, and do not wait for its end.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Who asks; your account's name where it is left out.
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) who: Option<String>,
}

/// Arguments of `apps`.
#[derive(Args, Debug, Clone)]
pub(crate) struct AppsArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
    /// Only apps of this status.
    #[arg(long, value_parser = event::Status::NAMES.to_vec())]
    pub(crate) status: Option<String>,
    /// The providers' own apps as well, which everybody uses.
    #[arg(long)]
    pub(crate) all: bool,
    /// As JSON, with everything that is known.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `reveal`.
#[derive(Args, Debug, Clone)]
pub(crate) struct RevealArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) operator: OperatorArgs,
    /// The pseudonym, 16 hexadecimal digits as alerts print it.
    pub(crate) user_key: String,
    /// Why: it is kept for ever, with your name.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who asks; your account's name where it is left out.
    #[arg(long = "as", value_name = "WHO")]
    pub(crate) who: Option<String>,
}

/// Arguments of `reload`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ReloadArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// Arguments of `verify`.
#[derive(Args, Debug, Clone)]
pub(crate) struct VerifyArgs {
    /// Whom to ask: the process that runs the sink.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `redrive`.
#[derive(Args, Debug, Clone)]
pub(crate) struct RedriveArgs {
    /// Whom to ask: a process that receives events.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Only those of this tenant.
    #[arg(long, default_value = "")]
    pub(crate) tenant: String,
    /// Only those of this connection.
    #[arg(long, default_value = "")]
    pub(crate) connection: String,
    /// Only those that were rejected for this reason.
    #[arg(long, value_parser = event::RejectReason::NAMES.to_vec())]
    pub(crate) reason: Option<String>,
    /// Only those received since: a day (`2027-03-01`, its beginning in UTC) or a time before now (`3d`, `12h`).
    #[arg(long, value_parser = since)]
    pub(crate) since: Option<Since>,
    /// Only say what would become of them.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `reconcile`.
#[derive(Args, Debug, Clone)]
pub(crate) struct ReconcileArgs {
    /// Whom to ask: the process that runs the sink.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Only say what is wrong.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also store rows that a table has refused, after it was mended.
    #[arg(long)]
    pub(crate) refused: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be asked of the ledger.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LedgerCommand {
    /// A hash of what is remembered of each tenant: the same for everybody who has read the same log.
    ///
    /// With --rebuild also of what the ledger alone would make of it; exit code 1 when the two differ, which they may while something is on
    /// its way.
    Hash(LedgerHashArgs),
    /// What detection would remember if it began anew, from a history; with --write, the ledger is written so.
    ///
    /// Beside it stands what detection remembers; exit code 1 when the two differ. They are equal while the history is whole (notes say where
    /// it is not) and nothing is on its way. Which episodes were opened is asked of the alerts. A process that does not detect rebuilds and
    /// compares nothing: compare its hashes with those of `ledger hash`.
    ///
    /// With --write it needs no running process, and none that detects may run: after the ledger, or a part of it, was lost. It says in what the
    /// ledger differs from the history, entry by entry; --yes writes that, and what is written is compared once more. Decisions and merges
    /// are never removed. Cut off amid its work it is run again; until it has ended, nobody detects. Without --yes, exit code 1 says that
    /// something is to be written or stands in the way.
    Rebuild(LedgerRebuildArgs),
    /// Give the log as many partitions as the configuration says, and move what belongs to tenants that live elsewhere among so many.
    ///
    /// Stop the processes that receive, let the others read to the end, stop them too; set [log] partitions; run this; start again. What is
    /// done is said. Killed amid its work it is run again; until it has ended, no process starts. There can only be more partitions.
    Repartition(LedgerRepartitionArgs),
}

/// Arguments of `ledger repartition`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LedgerRepartitionArgs {
    /// Where the log is, and how many partitions it shall have.
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Only say what would be done, and what stands in the way.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `ledger rebuild`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LedgerRebuildArgs {
    /// Whom to ask: the process that detects; for ClickHouse one that uses it.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Whose history is taken: ClickHouse keeps everything, the log as much as its retention says.
    #[arg(long, value_enum)]
    pub(crate) from: History,
    /// As JSON.
    #[arg(long, conflicts_with = "write")]
    pub(crate) json: bool,
    /// Write the ledger anew, while nobody detects: what would be written is said.
    #[arg(long)]
    pub(crate) write: bool,
    /// With --write: do it.
    #[arg(long, requires = "write")]
    pub(crate) yes: bool,
    /// With --write: where the log is, and ClickHouse.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Arguments of `ledger hash`.
#[derive(Args, Debug, Clone)]
pub(crate) struct LedgerHashArgs {
    /// Whom to ask: the process that detects.
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Read the whole ledger, and compare.
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `init`.
#[derive(Args, Debug, Clone)]
pub(crate) struct InitArgs {
    /// Your Okta org, as `acme.okta.com`.
    #[arg(long, value_name = "HOST")]
    pub(crate) okta: Option<String>,
    /// Your Microsoft Entra tenant id, a GUID.
    #[arg(long, value_name = "TENANT_ID")]
    pub(crate) entra: Option<String>,
    /// What the company is called here: letters, digits, `-`, `_`, `.`.
    #[arg(long, default_value = "local")]
    pub(crate) tenant: String,
    /// The file to write. One that is there is left alone.
    #[arg(long, short, default_value = "daylight.toml")]
    pub(crate) config: PathBuf,
    /// Where the log, the tables, keys and secrets will lie.
    #[arg(long, default_value = "daylight-data")]
    pub(crate) data_folder: PathBuf,
}

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// This time, in milliseconds since 1970.
    AtMs(i64),
    /// So many milliseconds before now.
    AgoMs(i64),
}

impl Since {
    /// The time, in milliseconds since 1970.
    pub(crate) const fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Since::AtMs(at_ms) => at_ms,
            Since::AgoMs(ago_ms) => now_ms.saturating_sub(ago_ms),
        }
    }
}

/// When a decision ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// At this time, in milliseconds since 1970.
    AtMs(i64),
    /// So many milliseconds from now.
    InMs(i64),
}

impl Expiry {
    /// The time, in milliseconds since 1970.
    pub(crate) const fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Expiry::AtMs(at_ms) => at_ms,
            Expiry::InMs(in_ms) => now_ms.saturating_add(in_ms),
        }
    }
}

/// The states that may be decided. `unreviewed` may be typed, and is refused with its reason.
fn statuses() -> Vec<PossibleValue> {
    let value = |name: &'static str| PossibleValue::new(name).hide(name == event::Status::Unreviewed.as_str());
    event::Status::NAMES.iter().map(|name| value(name)).collect()
}

fn since(text: &str) -> Result<Since, String> {
    match expiry(text) {
        Ok(Expiry::AtMs(at_ms)) => Ok(Since::AtMs(at_ms)),
        Ok(Expiry::InMs(ago_ms)) => Ok(Since::AgoMs(ago_ms)),
        Err(_) => Err("write a day as 2027-03-01, or a time before now as 3d or 12h".to_owned()),
    }
}

fn expiry(text: &str) -> Result<Expiry, String> {
    if let Some(day) = event::Timestamp::parse(&format!("{text}T00:00:00.000Z")) {
        return Ok(Expiry::AtMs(day.0));
    }
    let length = |unit: &str, unit_ms: i64| {
        let digits = text.strip_suffix(unit)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: i64 = digits.parse().ok().filter(|_| is_number)?;
        count.checked_mul(unit_ms).filter(|ms| *ms > 0)
    };
    let found = length("d", 24 * HOUR_MS).or_else(|| length("h", HOUR_MS));
    found.map(Expiry::InMs).ok_or_else(|| "write a day as 2027-03-01, or a time from now as 90d or 12h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_day_or_a_time_from_now() {
        assert_eq!(expiry("2027-03-01"), Ok(Expiry::AtMs(1_803_859_200_000)));
        assert_eq!(expiry("90d").map(|end| end.at_ms(5)), Ok(90 * 24 * HOUR_MS + 5));
        assert_eq!(expiry("12h"), Ok(Expiry::InMs(12 * HOUR_MS)));
        for text in
            ["", "d", "0d", "-3d", "+3d", "90", "2027-02-30", "1y", "99999999999999999999d", "9223372036854775807d"]
        {
            assert!(expiry(text).is_err(), "{text}");
        }
    }
}
