//! `apps`: what is known, what was decided, and how much it is used.
//!
//! Standing and references come from the book, people and times of use from ClickHouse. Where that is away, the list is still given, and says
//! what is missing: an unknown number is no zero.

use std::collections::BTreeMap;

use event::{Status, Timestamp};
use serde::{Deserialize, Serialize};
use store::Client;

use super::{
    book::{Book, KnownApp},
    refused::Refused,
    tenants::Tenants,
};

/// Use of apps in the 30 days that end now.
const USAGE: &str = "
WITH
    -- Rows keep the key of their time. People of an app that had another key, or were another app, are counted together.
    JSONExtract({former:String}, 'Array(String)') AS former,
    JSONExtract({current:String}, 'Array(String)') AS current
SELECT apps.app_key, toString(people.count), toString(apps.first_ms), toString(apps.last_ms)
FROM
(
    SELECT
        transform(toString(apps.app_key), former, current, toString(apps.app_key)) AS app_key,
        toUnixTimestamp64Milli(min(first_seen_at)) AS first_ms,
        toUnixTimestamp64Milli(max(last_seen_at)) AS last_ms
    FROM apps
    WHERE tenant = {tenant:String}
    GROUP BY app_key
) AS apps
LEFT JOIN
(
    SELECT
        transform(toString(app_person_days.app_key), former, current, toString(app_person_days.app_key)) AS app_key,
        uniqExact(user_key) AS count
    FROM app_person_days
    WHERE tenant = {tenant:String} AND day > toDate(now('UTC')) - 30
    GROUP BY app_key
) AS people USING (app_key)
LIMIT 100000";

/// Days of the last 30 of which something is missing, and who did not tell everything.
const PARTIAL: &str = "
SELECT toString(count()), arrayStringConcat(arraySort(groupUniqArrayArray(partial_connections)), ', ')
FROM usage_coverage
WHERE tenant = {tenant:String} AND day > toDate(now('UTC')) - 30 AND is_partial
HAVING count() > 0";

/// Former keys that one question to ClickHouse takes along: its address has room for a mebibyte.
const FORMER_KEYS_MAX: usize = 1_000;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AppsRequest {
    /// Only this tenant; empty for all.
    pub(crate) tenant: String,
    /// Only apps of this status; empty for all.
    pub(crate) status: String,
}

/// What holds for a department, apart from what holds for all.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct DepartmentLine {
    /// The department.
    pub(crate) department: String,
    /// Its own decision.
    pub(crate) status: String,
}

/// A merge that is in force.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct MergedLine {
    /// The app that went under.
    pub(crate) from: String,
    /// What it became part of: the app, or another one that was merged into it.
    pub(crate) into: String,
    /// Why.
    pub(crate) reason: String,
    /// Who decided.
    pub(crate) decided_by: String,
    /// When, RFC 3339.
    pub(crate) decided_at: String,
}

/// One reference of an app.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct ReferenceLine {
    /// `source:kind:id`.
    pub(crate) app_ref: String,
    /// Its name as delivered; empty when nobody has used it.
    pub(crate) name: String,
    /// What holds for it.
    pub(crate) status: String,
    /// Does a decision about its app pass it by? It came later, and nobody has looked at it: a finding.
    pub(crate) is_unbound: bool,
}

/// One app.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct AppLine {
    /// The tenant.
    pub(crate) tenant: String,
    /// The canonical app.
    pub(crate) app_key: String,
    /// Its name.
    pub(crate) name: String,
    /// What it is for; empty when not known.
    pub(crate) category: String,
    /// The provider's own app?
    pub(crate) is_first_party: bool,
    /// A well-known app that its name only resembles; empty when none.
    pub(crate) looks_like: String,
    /// What was decided for all.
    pub(crate) status: String,
    /// Who answers for it; empty: nobody named.
    pub(crate) owner: String,
    /// When the decision ends, RFC 3339; empty for never.
    pub(crate) expires_at: String,
    /// What was merged into it.
    pub(crate) merged: Vec<MergedLine>,
    /// Decisions for single departments.
    pub(crate) departments: Vec<DepartmentLine>,
    /// People in the last 30 days; `null` when not known.
    pub(crate) people_30_days: Option<u64>,
    /// First seen, RFC 3339; empty when nobody has used it.
    pub(crate) first_seen_at: String,
    /// Last seen, RFC 3339; empty when not known.
    pub(crate) last_seen_at: String,
    /// Its references.
    pub(crate) references: Vec<ReferenceLine>,
}

/// The list.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct AppsAnswer {
    /// Most used first.
    pub(crate) apps: Vec<AppLine>,
    /// What is missing from it, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// Lists apps.
#[derive(Clone)]
pub(crate) struct Lister {
    /// Standing and references.
    pub(crate) book: Book,
    /// Use; nothing where no role of this process uses ClickHouse.
    pub(crate) client: Option<Client>,
    /// The tenants.
    pub(crate) tenants: Tenants,
}

#[derive(Clone, Copy, Default)]
struct Use {
    people: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Lister {
    /// The apps, most used first.
    pub(crate) async fn list(&self, request: &AppsRequest, now: Timestamp) -> Result<AppsAnswer, Refused> {
        let status = match request.status.as_str() {
            "" => None,
            text => Some(Status::parse(text).ok_or_else(|| {
                Refused::Invalid(format!("{text:?} is no status; choose one of: {}", Status::NAMES.join(", ")))
            })?),
        };
        if let Some(reason) = self.book.stale() {
            return Err(Refused::Unavailable(reason));
        }
        let mut answer = AppsAnswer::default();
        for tenant in self.tenants.some(&request.tenant)? {
            let apps = self.book.apps(tenant, now);
            let usage = self.usage(tenant, &apps, &mut answer.notes).await;
            answer.notes.extend(self.partial_days(tenant).await);
            for known in apps {
                let used = usage.as_ref().map(|usage| usage.get(&known.app_key).copied().unwrap_or_default());
                // An app of which one reference waits for a look waits itself.
                let fits = |status| {
                    known.status("") == status
                        || known.references.iter().any(|reference| reference.is_unbound && reference.status == status)
                };
                if status.is_none_or(fits) {
                    answer.apps.push(line(tenant, known, used));
                }
            }
        }
        let order = |app: &AppLine| {
            (app.tenant.clone(), std::cmp::Reverse(app.people_30_days), app.name.to_lowercase(), app.app_key.clone())
        };
        answer.apps.sort_by_cached_key(order);
        Ok(answer)
    }

    /// How much each app is used; nothing, and a note, where nobody can say.
    async fn usage(&self, tenant: &str, apps: &[KnownApp], notes: &mut Vec<String>) -> Option<BTreeMap<String, Use>> {
        let mut missing = |why: String| {
            let note = format!("people and last use are not known: {why}");
            if !notes.contains(&note) {
                notes.push(note);
            }
        };
        let Some(client) = &self.client else {
            missing("no role of this process uses ClickHouse; ask the process that runs the sink".into());
            return None;
        };
        let (former, current) = former_keys(apps);
        let parameters = [("tenant", tenant), ("former", former.as_str()), ("current", current.as_str())];
        let answered = client.query_text(USAGE, &parameters, "JSONCompactEachRow").await;
        let rows = answered.map_err(|error| error.to_string()).and_then(|text| {
            let rows = text.lines().map(serde_json::from_str::<[String; 4]>);
            rows.collect::<Result<Vec<_>, _>>().map_err(|error| format!("ClickHouse answers something else: {error}"))
        });
        match rows {
            Ok(rows) => Some(self.by_canonical_key(tenant, rows)),
            Err(why) => {
                missing(why);
                None
            }
        }
    }

    /// What people may be missing from the counts: days on which a connection was silent, or had a gap. Nothing where nobody can say; that is
    /// noted with the counts themselves.
    async fn partial_days(&self, tenant: &str) -> Option<String> {
        let answered = self.client.as_ref()?.query_text(PARTIAL, &[("tenant", tenant)], "JSONCompactEachRow").await;
        let [days, connections] = serde_json::from_str::<[String; 2]>(answered.ok()?.lines().next()?).ok()?;
        Some(format!(
            "people of {tenant} are at least so many: on {days} of the last 30 days {connections} did not tell everything (daylight connections status)"
        ))
    }

    /// Of more former keys than a question can hold, merges are put together here: the people are then at least those of the largest.
    fn by_canonical_key(&self, tenant: &str, rows: Vec<[String; 4]>) -> BTreeMap<String, Use> {
        let mut usage: BTreeMap<String, Use> = BTreeMap::new();
        for [app_key, people, first_ms, last_ms] in rows {
            let time = |text: &str| Timestamp(text.parse().unwrap_or_default());
            let (people, first, last) = (people.parse().unwrap_or_default(), time(&first_ms), time(&last_ms));
            let all = usage.entry(self.book.canonical(tenant, &app_key)).or_insert(Use { people, first, last });
            *all = Use { people: all.people.max(people), first: all.first.min(first), last: all.last.max(last) };
        }
        usage
    }
}

/// Keys that apps had, and those that they go by now, as two lists in JSON.
fn former_keys(apps: &[KnownApp]) -> (String, String) {
    let pairs = apps.iter().flat_map(|known| known.former_keys.iter().map(|key| (key, &known.app_key)));
    // Never empty, for the server's sake: no app has the empty key.
    let nothing = String::new();
    let (former, current): (Vec<&String>, Vec<&String>) =
        std::iter::once((&nothing, &nothing)).chain(pairs.take(FORMER_KEYS_MAX)).unzip();
    let list = |keys: Vec<&String>| serde_json::Value::from_iter(keys.into_iter().map(String::as_str)).to_string();
    (list(former), list(current))
}

fn line(tenant: &str, known: KnownApp, used: Option<Use>) -> AppLine {
    let shown = |time: Timestamp| if time.is_some() { time.to_string() } else { String::new() };
    let ruling = known.own("");
    let first_used = used.map_or(Timestamp::MISSING, |used| used.first);
    let departments = known.in_force.iter().filter(|decision| !decision.department.is_empty());
    let references = known.references.iter().map(|reference| ReferenceLine {
        app_ref: reference.app_ref.clone(),
        name: reference.name.clone(),
        status: reference.status.to_string(),
        is_unbound: reference.is_unbound,
    });
    let merged = known.merged.iter().map(|merge| MergedLine {
        from: merge.from_app_key.clone(),
        into: merge.to_app_key.clone(),
        reason: merge.reason.clone(),
        decided_by: merge.decided_by.clone(),
        decided_at: merge.decided_at.to_string(),
    });
    AppLine {
        tenant: tenant.to_owned(),
        merged: merged.collect(),
        status: known.status("").to_string(),
        owner: ruling.map(|ruling| ruling.owner.clone()).unwrap_or_default(),
        expires_at: shown(ruling.map_or(Timestamp::MISSING, |ruling| ruling.expires_at)),
        departments: departments
            .map(|own| DepartmentLine { department: own.department.clone(), status: own.status.to_string() })
            .collect(),
        people_30_days: used.map(|used| used.people),
        // The ledger remembers what ClickHouse may have forgotten.
        first_seen_at: shown(if known.first_seen_at.is_some() { known.first_seen_at } else { first_used }),
        last_seen_at: shown(used.map_or(Timestamp::MISSING, |used| used.last)),
        references: references.collect(),
        category: known.category.to_owned(),
        is_first_party: known.is_first_party,
        looks_like: known.looks_like,
        app_key: known.app_key,
        name: known.name,
    }
}
