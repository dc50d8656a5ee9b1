//! `merge` and `split`: which apps are one. Checked as enrichment will check it, written to the log, and answered when the log has it.
//!
//! What is meant is looked for among the apps *as they were before any merge*: somebody who splits names an app that goes by another key
//! now. A merge is a pointer (`enrichment`, `alias.rs`), so an app that is part of another is split before it is merged elsewhere: what it
//! was part of would otherwise lose it without anybody having said so.

use std::collections::BTreeMap;

use catalog::Catalogue;
use event::{Alias, AliasAction, Control, Timestamp, issued_key};
use serde::{Deserialize, Serialize};

use super::{
    book::{Book, KnownApp},
    control_log::ControlLog,
    decide::{REFERENCE_CHARS_MAX, Turn, ambiguous, unknown},
    refused::{NAME_CHARS_MAX, Refused, SENTENCE_CHARS_MAX, required},
    tenants::Tenants,
};

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MergeRequest {
    /// The tenant; may be left out where there is one only.
    pub(crate) tenant: String,
    /// `merge` or `split`.
    pub(crate) action: String,
    /// The app that goes under: its key, a reference, or a name that is known.
    pub(crate) from: String,
    /// The app that it becomes part of, or was part of.
    pub(crate) into: String,
    /// Why.
    pub(crate) reason: String,
    /// Who decides.
    pub(crate) decided_by: String,
}

/// What was done.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MergeAnswer {
    /// The tenant.
    pub(crate) tenant: String,
    /// The app that went under, or came back, by name and key.
    pub(crate) from: String,
    /// The other one.
    pub(crate) into: String,
    /// The references that it is about.
    pub(crate) references: Vec<String>,
    /// What else whoever decides should know, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// Merges and splits. Clones share it.
#[derive(Clone)]
pub(crate) struct Merger {
    /// What is known.
    pub(crate) book: Book,
    /// Where it is written.
    pub(crate) log: ControlLog,
    /// The tenants.
    pub(crate) tenants: Tenants,
    /// Shared with whoever decides.
    pub(crate) turn: Turn,
}

/// A merge or split that may be made, and both apps as they are by themselves.
struct Checked {
    alias: Alias,
    from: KnownApp,
    into: KnownApp,
}

impl Merger {
    /// Merges or splits, or says why not. Resolves when the log has it.
    pub(crate) async fn change(&self, request: &MergeRequest, now: Timestamp) -> Result<MergeAnswer, Refused> {
        let tenant = self.tenants.one(&request.tenant)?;
        let _turn = self.turn.lock().await;
        if let Some(reason) = self.book.stale() {
            return Err(Refused::Unavailable(format!("nothing was merged or split: {reason}")));
        }
        let Checked { alias, from, into } = self.check(tenant, request, now)?;
        let action = alias.action;
        let control = Control::Alias(alias);
        let position = self.log.write(tenant, &control).await?;
        // Where the log cannot tell the place, the ledger will in a moment.
        let mut notes = Vec::new();
        if let Some(position) = position {
            self.book.apply(tenant, position, &control);
            notes = self.notes(tenant, action, &from, &into, now);
        }
        tracing::info!(tenant, %action, from = from.app_key, into = into.app_key, "apps were merged or split");
        Ok(MergeAnswer {
            tenant: tenant.to_owned(),
            from: shown(&from),
            into: shown(&into),
            references: from.references.into_iter().map(|reference| reference.app_ref).collect(),
            notes,
        })
    }

    fn check(&self, tenant: &str, request: &MergeRequest, now: Timestamp) -> Result<Checked, Refused> {
        let action = AliasAction::parse(&request.action)
            .ok_or_else(|| Refused::Invalid(format!("{:?} is neither merge nor split", request.action)))?;
        let reason = required("reason", &request.reason, SENTENCE_CHARS_MAX)?;
        let decided_by = required("name of whoever decides", &request.decided_by, NAME_CHARS_MAX)?;
        let (catalogue, apps) = (self.book.catalogue(tenant), self.book.apps(tenant, now));
        let own_apps = own_apps(&catalogue, &apps);
        let from = meant(&catalogue, &own_apps, &required("app", &request.from, REFERENCE_CHARS_MAX)?)?;
        let into = meant(&catalogue, &own_apps, &required("other app", &request.into, REFERENCE_CHARS_MAX)?)?;
        let merged = apps.iter().flat_map(|known| &known.merged).find(|merge| merge.from_app_key == from.app_key);
        may_change(action, &from, &into, merged)?;
        let (from_app_key, to_app_key) = (from.app_key.clone(), into.app_key.clone());
        let alias = Alias { action, from_app_key, to_app_key, reason, decided_by, decided_at: now };
        let refused = |why| Refused::Conflict(format!("{} and {}: {why}", shown(&from), shown(&into)));
        self.book.check_alias(tenant, &alias).map_err(refused)?;
        Ok(Checked { alias, from, into })
    }

    /// What became of decisions: a merge and a split move none.
    fn notes(
        &self,
        tenant: &str,
        action: AliasAction,
        from: &KnownApp,
        into: &KnownApp,
        now: Timestamp,
    ) -> Vec<String> {
        let known = self.book.app(tenant, &into.app_key, now);
        let unbound = known.references.iter().filter(|reference| reference.is_unbound).count();
        match action {
            AliasAction::Merge if unbound > 0 => vec![format!(
                "{} is {} by a decision that does not bind {unbound} of its references, because they came after it; bind them: daylight decide {} {} --reason …",
                shown(&known),
                known.status(""),
                known.app_key,
                known.status("")
            )],
            AliasAction::Merge => Vec::new(),
            AliasAction::Split => vec![format!(
                "{} is {} again by what was decided about it alone; what was decided while it was part of {} stays with that",
                shown(from),
                self.book.app(tenant, &from.app_key, now).status(""),
                shown(into)
            )],
        }
    }
}

/// The apps as they are by themselves: each with the references that had its key before any merge.
fn own_apps(catalogue: &Catalogue, apps: &[KnownApp]) -> BTreeMap<String, KnownApp> {
    let mut own: BTreeMap<String, KnownApp> = BTreeMap::new();
    let new = |app_key: &str, name: &str| {
        let name = catalogue.entry(app_key).map_or(name, |entry| &entry.name).to_owned();
        KnownApp { app_key: app_key.to_owned(), name, ..KnownApp::default() }
    };
    for known in apps {
        for reference in &known.references {
            let app = own.entry(reference.own_key.clone()).or_insert_with_key(|key| new(key, &reference.name));
            app.references.push(reference.clone());
        }
        own.entry(known.app_key.clone()).or_insert_with_key(|key| new(key, &known.name));
        for alias in &known.merged {
            for key in [&alias.from_app_key, &alias.to_app_key] {
                own.entry(key.clone()).or_insert_with_key(|key| new(key, key));
            }
        }
    }
    own
}

/// The app that is meant: by its key, by a reference, or by a name that only one has. The catalogue knows some that nobody has met.
fn meant(catalogue: &Catalogue, own: &BTreeMap<String, KnownApp>, asked: &str) -> Result<KnownApp, Refused> {
    let asked = &*issued_key(asked);
    let has_reference = |known: &&KnownApp| known.references.iter().any(|reference| reference.app_ref == asked);
    if let Some(known) = own.get(asked).or_else(|| own.values().find(has_reference)) {
        return Ok(known.clone());
    }
    let name = asked.to_lowercase();
    let is_called = |known: &&KnownApp| {
        let mut names = known.references.iter().map(|reference| &reference.name).chain([&known.name]);
        names.any(|known| known.to_lowercase() == name)
    };
    let mut found: Vec<KnownApp> = own.values().filter(is_called).cloned().collect();
    if let Some(entry) = catalogue.find(asked).filter(|entry| found.iter().all(|known| known.app_key != entry.app_key))
    {
        let unmet = || KnownApp { app_key: entry.app_key.clone(), name: entry.name.clone(), ..KnownApp::default() };
        found.push(own.get(&entry.app_key).cloned().unwrap_or_else(unmet));
    }
    if found.len() > 1 {
        return Err(ambiguous(asked, &found));
    }
    found.pop().ok_or_else(|| unknown(asked))
}

/// May these two be merged or split, where `merged` is what the first is part of?
fn may_change(action: AliasAction, from: &KnownApp, into: &KnownApp, merged: Option<&Alias>) -> Result<(), Refused> {
    let (from_key, into_key) = (&from.app_key, &into.app_key);
    let sentence = match (action, merged) {
        (AliasAction::Merge, _) if from_key == into_key => {
            format!("{} is that app itself; name two different ones", shown(from))
        }
        (AliasAction::Merge, Some(merge)) => format!(
            "{} is part of {} already; split it first: daylight split {from_key} {} --reason …",
            shown(from),
            merge.to_app_key,
            merge.to_app_key
        ),
        (AliasAction::Split, None) => {
            format!(
                "{} is part of no other app, so there is nothing to split; `daylight apps` shows merges",
                shown(from)
            )
        }
        (AliasAction::Split, Some(merge)) if merge.to_app_key != *into_key => {
            format!("{} is part of {}, not of {}; split it from that", shown(from), merge.to_app_key, shown(into))
        }
        (AliasAction::Merge, None) | (AliasAction::Split, Some(_)) => return Ok(()),
    };
    Err(Refused::Conflict(sentence))
}

fn shown(known: &KnownApp) -> String {
    if known.name == known.app_key || known.name.is_empty() {
        return known.app_key.clone();
    }
    format!("{} ({})", known.name, known.app_key)
}

#[cfg(test)]
mod tests {
    use event::Status;

    use super::*;
    use crate::service::book::KnownReference;

    fn reference(id: &str, own_key: &str, name: &str) -> KnownReference {
        let (app_ref, own_key, name) = (format!("okta:app_id:{id}"), own_key.to_owned(), name.to_owned());
        KnownReference { app_ref, own_key, name, status: Status::Unreviewed, is_unbound: false }
    }

    fn alias(from: &str, to: &str) -> Alias {
        Alias {
            action: AliasAction::Merge,
            from_app_key: from.into(),
            to_app_key: to.into(),
            reason: "one app".into(),
            decided_by: "it".into(),
            decided_at: Timestamp(1),
        }
    }

    /// `Boards` (`okta:app_id:1`) has `Tasks` (`okta:app_id:2`) and Slack in it.
    fn apps() -> Vec<KnownApp> {
        vec![KnownApp {
            app_key: "okta:app_id:1".into(),
            name: "Boards".into(),
            references: vec![
                reference("1", "okta:app_id:1", "Boards"),
                reference("2", "okta:app_id:2", "Tasks"),
                reference("3", "slack.com", "Slack (SAML)"),
            ],
            merged: vec![alias("okta:app_id:2", "okta:app_id:1"), alias("slack.com", "okta:app_id:1")],
            ..KnownApp::default()
        }]
    }

    #[test]
    fn apps_are_found_as_they_were_before_any_merge() {
        let catalogue = Catalogue::embedded().unwrap();
        let own = own_apps(&catalogue, &apps());
        for (asked, key) in [
            ("okta:app_id:1", "okta:app_id:1"),
            ("boards", "okta:app_id:1"),
            ("okta:app_id:2", "okta:app_id:2"),
            ("TASKS", "okta:app_id:2"),
            ("okta:app_id:3", "slack.com"),
            ("Slack", "slack.com"),
            ("slack.com", "slack.com"),
            ("zoom", "zoom.us"),
        ] {
            assert_eq!(meant(&catalogue, &own, asked).unwrap().app_key, key, "{asked}");
        }
        assert!(matches!(meant(&catalogue, &own, "no such app"), Err(Refused::Unknown(_))));
        let twice = [apps(), vec![KnownApp { app_key: "a.com".into(), name: "tasks".into(), ..KnownApp::default() }]];
        let own = own_apps(&catalogue, &twice.concat());
        let refused = meant(&catalogue, &own, "Tasks").unwrap_err();
        assert!(matches!(&refused, Refused::Conflict(words) if words.contains("a.com")), "{refused}");
    }

    #[test]
    fn what_cannot_be_merged_or_split_is_refused_with_what_to_do() {
        let app = |key: &str| KnownApp { app_key: key.into(), ..KnownApp::default() };
        let (one, two) = (app("one.com"), app("two.com"));
        let merged = alias("one.com", "three.com");
        let cases = [
            (AliasAction::Merge, &one, &one, None, "is that app itself"),
            (AliasAction::Merge, &one, &two, Some(&merged), "daylight split one.com three.com"),
            (AliasAction::Split, &one, &two, None, "nothing to split"),
            (AliasAction::Split, &one, &two, Some(&merged), "part of three.com, not of two.com"),
        ];
        for (action, from, into, merged, words) in cases {
            let refused = may_change(action, from, into, merged).unwrap_err();
            assert!(matches!(&refused, Refused::Conflict(sentence) if sentence.contains(words)), "{refused}");
        }
        assert_eq!(may_change(AliasAction::Merge, &one, &two, None), Ok(()));
        assert_eq!(may_change(AliasAction::Split, &one, &app("three.com"), Some(&merged)), Ok(()));
    }
}
