//! Which apps are new here and wait for a decision: what the gauge of Prometheus shows.
//!
//! It is worked out from *state* (the ledger and the decisions), never counted up from events: a restart, a rebalance and a replay
//! show the same series again. An app is shown when all of this holds:
//!
//! - Rule N1 told people of it: its episode stands in the ledger as raised. So what was met while a connection was still learning, what
//!   history brought, mere attempts, further ids of a known app, and what IT had approved before are left out by the one rule that
//!   decides these things, and not by a second opinion.
//! - Its first use or grant, under any of its references, lies in the last 24 hours *of the log*: time stands still while nothing is
//!   written. For Salesforce, whose files come once a day, in the last 48. An event that comes later than that is told by `notify`, marked
//!   late, and never shown here.
//! - Nobody has decided: one of its references that is not the provider's own is still unreviewed. "In review" is a decision in this
//!   sense, because somebody is looking.
//!
//! It is shown under the key that it had when the rule told of it, whatever it has been merged into or recognised as since: Alertmanager's
//! inhibit rule compares the label with that of the alert, and another one would tell people a second time. Whoever asks for the app by
//! its former key finds it.
//!
//! The ledger does not keep how severe an episode was, and a gauge that is worked out from state cannot know it. So the label `severity`
//! says what the app *is*, under the tables in force: `critical` for a known rogue app, `high` for a name that imitates another app's,
//! `low` for everything else. What was granted to it stands in the alert of `notify`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use detection::{Engine, KnownApp, Settings};
use enrichment::{AppInfo, Enricher};
use event::{AlertState, AppIdKind, AppRef, Severity, Source, Status, Timestamp, alert_id, app_label};

/// How long an app is new. Milliseconds of the log's time.
const NEW_FOR_MS: i64 = 86_400_000;
/// Series of one tenant. A company that meets more new apps in a day has an inventory to read, not a pager to answer.
pub(crate) const TENANT_SERIES_MAX: usize = 50;
/// Series of one process.
pub(crate) const SERIES_MAX: usize = 2_000;
/// The rule that says what is new. Its episode is the app alone, so its episode's value is empty.
const NEW_APP_RULE: &str = "N1";

/// One series: an app that is new in a tenant, and not decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewApp {
    /// Where.
    pub(crate) tenant: String,
    /// The app's label.
    pub(crate) app: String,
    /// What it is.
    pub(crate) severity: Severity,
    /// Its first use or grant.
    pub(crate) first_seen: Timestamp,
}

/// What is shown, and how much is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// What is shown.
    pub(crate) shown: Vec<NewApp>,
    /// Tenant → apps that are left out because there are too many. Tenants without any stand here with 0.
    pub(crate) suppressed: BTreeMap<String, usize>,
}

/// One reference of an app.
struct Reference {
    source: Source,
    id_kind: AppIdKind,
    id: String,
    name: String,
    first_key: String,
    first_seen: Timestamp,
}

/// The new apps of one tenant that wait for a decision.
pub(crate) fn new_apps(tenant: &str, now: Timestamp, engine: &mut Engine, enricher: &mut Enricher) -> Vec<NewApp> {
    let settings = engine.settings().clone();
    let is_new = |source: Source, at: Timestamp| at > now.plus_ms(-new_for_ms(&settings, source));
    let met_lately =
        engine.apps(tenant).filter(|app| first_met(app).is_some_and(|first| is_new(app.app.source, first)));
    let keys: BTreeSet<String> = met_lately.map(|app| app.app_key.to_owned()).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let mut apps: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
    for app in engine.apps(tenant).filter(|app| keys.contains(app.app_key)) {
        let Some(first_seen) = first_met(&app) else { continue };
        apps.entry(app.app_key.to_owned()).or_default().push(Reference {
            source: app.app.source,
            id_kind: app.app.id_kind,
            id: app.app.id.to_owned(),
            name: app.name.to_owned(),
            first_key: app.first_key.to_owned(),
            first_seen,
        });
    }
    let waiting = apps.into_values().filter_map(|references| {
        let first = references.iter().min_by_key(|reference| reference.first_seen)?;
        let first_seen = is_new(first.source, first.first_seen).then_some(first.first_seen)?;
        let told_as = told_as(tenant, &references, engine)?;
        let severity = severity_if_undecided(tenant, &references, enricher)?;
        Some(NewApp { tenant: tenant.to_owned(), app: app_label(told_as).into_owned(), severity, first_seen })
    });
    waiting.collect()
}

/// What of all this is shown: the most severe of each tenant, of equals the newest, up to the limits. The newest, because Prometheus must
/// have seen an app once for its alert to fire; what it pushes out has been told by then.
pub(crate) fn select(tenants: impl Iterator<Item = (String, Vec<NewApp>)>) -> Selection {
    let order = |app: &NewApp| (Reverse(app.severity), Reverse(app.first_seen), app.tenant.clone(), app.app.clone());
    let mut selection = Selection::default();
    for (tenant, mut apps) in tenants {
        apps.sort_by_cached_key(order);
        *selection.suppressed.entry(tenant).or_default() += apps.len().saturating_sub(TENANT_SERIES_MAX);
        apps.truncate(TENANT_SERIES_MAX);
        selection.shown.append(&mut apps);
    }
    selection.shown.sort_by_cached_key(order);
    for app in selection.shown.drain(SERIES_MAX.min(selection.shown.len())..) {
        *selection.suppressed.entry(app.tenant).or_default() += 1;
    }
    selection
}

/// How long an app of this source is new. Where what comes a day later is not late yet (files that are made once a day), a day would be over
/// before it began.
const fn new_for_ms(settings: &Settings, source: Source) -> i64 {
    let late_after_ms = settings.late_after_ms(source);
    if late_after_ms < NEW_FOR_MS { NEW_FOR_MS } else { NEW_FOR_MS.saturating_add(late_after_ms) }
}

/// The first use or grant. An attempt is not one.
fn first_met(app: &KnownApp<'_>) -> Option<Timestamp> {
    [app.first.used, app.first.granted].iter().filter(|first| first.is_some()).map(|first| first.occurred_at).min()
}

/// The key under which the rule told people of it; of several, the earliest reference's. `None` where it did not, and where it was muted
/// under any reference: then a connection that was learning knows it.
fn told_as<'r>(tenant: &str, references: &'r [Reference], engine: &Engine) -> Option<&'r str> {
    let state =
        |reference: &Reference| engine.episode_state(tenant, alert_id(tenant, NEW_APP_RULE, &reference.first_key, ""));
    if references.iter().any(|reference| state(reference) == Some(AlertState::Muted)) {
        return None;
    }
    let told = references.iter().filter(|reference| state(reference) == Some(AlertState::Raised));
    let first = told.min_by_key(|reference| (reference.first_seen, &reference.first_key))?;
    Some(&first.first_key)
}

/// The severity over the references that nobody has decided about; `None` when there is none.
fn severity_if_undecided(tenant: &str, references: &[Reference], enricher: &mut Enricher) -> Option<Severity> {
    let undecided = references.iter().filter_map(|reference| {
        let app = AppRef { source: reference.source, id_kind: reference.id_kind, id: &reference.id };
        let (info, status) = enricher.app(tenant, &app, &reference.name)?;
        (status == Status::Unreviewed && !info.is_first_party).then(|| severity(info))
    });
    undecided.max()
}

/// What an app is, as a severity.
fn severity(info: &AppInfo) -> Severity {
    if !info.rogue_reason.is_empty() {
        Severity::Critical
    } else if info.is_confusable && !info.looks_like.is_empty() {
        Severity::High
    } else {
        Severity::Low
    }
}

#[cfg(test)]
mod tests;
