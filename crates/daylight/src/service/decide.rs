//! `decide`: a decision is checked against what is in force, written to the log, and answered when the log has it.

use std::sync::Arc;

use enrichment::DirectoryShelf;
use event::{AppIdKind, AppRef, Control, Decision, Source, Status, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    book::{Book, KnownApp},
    control_log::ControlLog,
    refused::{NAME_CHARS_MAX, Refused, SENTENCE_CHARS_MAX, required, text},
    tenants::Tenants,
};

/// Characters that a key or reference may have: those of providers have less than a hundred.
pub(crate) const REFERENCE_CHARS_MAX: usize = 1_000;
/// References that one decision may bind. The codec takes more; nobody reads a list of that length.
const REFERENCES_MAX: usize = 10_000;
/// Candidates that are named where a name fits several apps.
const CANDIDATES_NAMED_MAX: usize = 10;
/// A decision may end at most so far ahead: beyond it, it is one for ever. Ten years.
const EXPIRY_MS_MAX: i64 = 10 * 366 * 86_400_000;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DecideRequest {
    /// The tenant; may be left out where there is one only.
    pub(crate) tenant: String,
    /// The app: its key, a reference (`okta:app_id:0oa…`), or a name that is known.
    pub(crate) app: String,
    /// The name that an administrator gave to a reference that nobody has used yet.
    pub(crate) name: String,
    /// `sanctioned`, `tolerated`, `unsanctioned`, `blocked` or `in_review`.
    pub(crate) status: String,
    /// Only for this department; empty for all.
    pub(crate) department: String,
    /// Why.
    pub(crate) reason: String,
    /// Who answers for the app; empty: as in the decision that this one replaces.
    pub(crate) owner: String,
    /// Who decides.
    pub(crate) decided_by: String,
    /// When it ends, in milliseconds since 1970; 0 for never.
    pub(crate) expires_at_ms: i64,
}

/// A reference that a decision binds.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Bound {
    /// `source:kind:id`.
    pub(crate) app_ref: String,
    /// Its name as delivered; empty when nobody has used it.
    pub(crate) name: String,
    /// Did no decision in force bind it before?
    pub(crate) is_new: bool,
}

/// What was decided.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DecideAnswer {
    /// The tenant.
    pub(crate) tenant: String,
    /// The canonical app.
    pub(crate) app_key: String,
    /// Its name.
    pub(crate) name: String,
    /// For this department; empty for all.
    pub(crate) department: String,
    /// What was in force.
    pub(crate) previous: String,
    /// What is in force now.
    pub(crate) status: String,
    /// Who answers for the app.
    pub(crate) owner: String,
    /// When it ends, RFC 3339; empty for never.
    pub(crate) expires_at: String,
    /// The references that it binds.
    pub(crate) binds: Vec<Bound>,
    /// What else whoever decides should know, a sentence each.
    pub(crate) notes: Vec<String>,
}

/// One decision or merge at a time: the next is checked against what this one brought into force.
pub(crate) type Turn = Arc<Mutex<()>>;

/// Makes decisions. Clones share it.
#[derive(Clone)]
pub(crate) struct Decider {
    directories: DirectoryShelf,
    book: Book,
    log: ControlLog,
    tenants: Tenants,
    turn: Turn,
}

/// A decision that may be made, and the app as it stood.
struct Checked {
    decision: Decision,
    known: KnownApp,
}

impl Decider {
    /// Decides by this book, writes to this log, and waits for its turn.
    pub(crate) fn new(
        directories: DirectoryShelf,
        book: Book,
        log: ControlLog,
        tenants: Tenants,
        turn: Turn,
    ) -> Decider {
        Decider { directories, book, log, tenants, turn }
    }

    /// Decides, or says why not. Resolves when the log has the decision.
    pub(crate) async fn decide(&self, request: &DecideRequest, now: Timestamp) -> Result<DecideAnswer, Refused> {
        let tenant = self.tenants.one(&request.tenant)?;
        let _turn = self.turn.lock().await;
        if let Some(reason) = self.book.stale() {
            return Err(Refused::Unavailable(format!("nothing was decided: {reason}")));
        }
        let Checked { decision, known } = self.check(tenant, request, now)?;
        let control = Control::Decision(decision);
        // Where the log cannot tell the place, the ledger will in a moment.
        if let Some(position) = self.log.write(tenant, &control).await? {
            self.book.apply(tenant, position, &control);
        }
        let Control::Decision(decision) = control else { return Err(Refused::Invalid("no decision".into())) };
        tracing::info!(tenant, app_key = decision.app_key, status = %decision.status, previous = %decision.previous, "decided");
        Ok(self.answer(tenant, decision, &known, now))
    }

    fn check(&self, tenant: &str, request: &DecideRequest, now: Timestamp) -> Result<Checked, Refused> {
        let status = Status::parse(&request.status).ok_or_else(|| {
            let known = "in_review, sanctioned, tolerated, unsanctioned, blocked";
            Refused::Invalid(format!("{:?} is no status; choose one of: {known}", request.status))
        })?;
        let reason = required("reason", &request.reason, SENTENCE_CHARS_MAX)?;
        let decided_by = required("name of whoever decides", &request.decided_by, NAME_CHARS_MAX)?;
        let department = text("department", &request.department, NAME_CHARS_MAX)?;
        let owner = text("owner", &request.owner, NAME_CHARS_MAX)?;
        let expires_at = expiry(request.expires_at_ms, now)?;
        let known = self.app(tenant, request, now)?;
        if known.references.len() > REFERENCES_MAX {
            let count = known.references.len();
            return Err(Refused::Conflict(format!(
                "{} has {count} references; a decision binds at most {REFERENCES_MAX}",
                known.app_key
            )));
        }
        let owner = if owner.is_empty() {
            known.own(&department).map(|own| own.owner.clone()).unwrap_or_default()
        } else {
            owner
        };
        let decision = Decision {
            app_key: known.app_key.clone(),
            app_refs: known.references.iter().map(|reference| reference.app_ref.clone()).collect(),
            status,
            previous: known.status(&department),
            department,
            owner,
            reason,
            decided_by,
            decided_at: now,
            expires_at,
        };
        may_follow(&known, &decision)?;
        Ok(Checked { decision, known })
    }

    /// The app that is meant: one that people use, a reference that nobody has used yet, or one of the catalogue.
    fn app(&self, tenant: &str, request: &DecideRequest, now: Timestamp) -> Result<KnownApp, Refused> {
        let asked = required("app", &request.app, REFERENCE_CHARS_MAX)?;
        let name = text("name", &request.name, NAME_CHARS_MAX)?;
        let mut found = self.book.find(tenant, &asked, now);
        if found.len() > 1 {
            return Err(ambiguous(&asked, &found));
        }
        if let Some(known) = found.pop() {
            return Ok(known);
        }
        let app = parse_app_ref(&asked).ok_or_else(|| unknown(&asked))?;
        let app_key = self.book.catalogue(tenant).resolve(&app, &name).app_key(&app);
        let mut known = self.book.app(tenant, &app_key, now);
        known.references.push(super::book::KnownReference {
            app_ref: app.to_string(),
            own_key: app_key,
            name,
            status: Status::Unreviewed,
            is_unbound: true,
        });
        Ok(known)
    }

    fn answer(&self, tenant: &str, decision: Decision, known: &KnownApp, now: Timestamp) -> DecideAnswer {
        let mut notes = Vec::new();
        let department = decision.department.as_str();
        if decision.app_refs.is_empty() {
            notes.push("nobody has used it yet, so it binds no reference: what comes under a client id that the catalogue knows is bound, anything else stays unreviewed until you decide again".to_owned());
        }
        if !department.is_empty()
            && self.directories.get(tenant).is_none_or(|directory| !directory.has_department(department))
        {
            notes.push(format!(
                "no directory of {tenant} has a department {department:?}: until one does, it binds nobody"
            ));
        }
        if department.is_empty() {
            let current = self.book.app(tenant, &decision.app_key, now);
            for own in current.in_force.iter().filter(|own| !own.department.is_empty()) {
                notes.push(format!(
                    "{} has its own decision, {}, which goes before this one",
                    own.department, own.status
                ));
            }
        }
        let before: Vec<&str> =
            known.own(department).map(|own| own.app_refs.iter().map(String::as_str).collect()).unwrap_or_default();
        let bound = known.references.iter().map(|reference| Bound {
            app_ref: reference.app_ref.clone(),
            name: reference.name.clone(),
            is_new: !before.contains(&reference.app_ref.as_str()),
        });
        DecideAnswer {
            tenant: tenant.to_owned(),
            name: known.name.clone(),
            department: department.to_owned(),
            previous: decision.previous.to_string(),
            status: decision.status.to_string(),
            owner: decision.owner.clone(),
            expires_at: if decision.expires_at.is_some() { decision.expires_at.to_string() } else { String::new() },
            binds: bound.collect(),
            notes,
            app_key: decision.app_key,
        }
    }
}

/// May this decision follow what is in force? A state may follow any other but `unreviewed`. The same state again is a *renewal*, where it
/// changes who answers, when it ends, or which references are bound: that is how a new reference of a sanctioned app is let in.
fn may_follow(known: &KnownApp, decision: &Decision) -> Result<(), Refused> {
    let Err(illegal) = decision.previous.to(decision.status) else { return Ok(()) };
    let renews = known.own(&decision.department).filter(|_| decision.status != Status::Unreviewed).is_some_and(|own| {
        let is_wider = decision.app_refs.iter().any(|app_ref| !own.app_refs.contains(app_ref));
        is_wider || own.owner != decision.owner || own.expires_at != decision.expires_at
    });
    if renews {
        return Ok(());
    }
    Err(Refused::Conflict(format!("{}: {illegal}", known.app_key)))
}

fn expiry(expires_at_ms: i64, now: Timestamp) -> Result<Timestamp, Refused> {
    let expires_at = Timestamp(expires_at_ms);
    if expires_at.is_some() && expires_at <= now {
        return Err(Refused::Invalid(format!("it would end in the past, at {expires_at}")));
    }
    if expires_at.since_ms(now) > EXPIRY_MS_MAX {
        return Err(Refused::Invalid("it would end in more than ten years; leave the end out".into()));
    }
    Ok(expires_at)
}

/// An app that nobody knows.
pub(crate) fn unknown(asked: &str) -> Refused {
    Refused::Unknown(format!(
        "nobody knows an app {asked:?}; `daylight apps` lists those that people use, by key and reference"
    ))
}

/// A name that several apps have.
pub(crate) fn ambiguous(asked: &str, found: &[KnownApp]) -> Refused {
    let shown = |known: &KnownApp| {
        let first = known.references.first().map(|reference| format!(", {}", reference.app_ref)).unwrap_or_default();
        let whose =
            if known.looks_like.is_empty() { String::new() } else { format!(", only looks like {}", known.looks_like) };
        format!("{} ({}{first}{whose})", known.app_key, known.name)
    };
    let named: Vec<String> = found.iter().take(CANDIDATES_NAMED_MAX).map(shown).collect();
    let more = found.len().saturating_sub(CANDIDATES_NAMED_MAX);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Refused::Conflict(format!(
        "{asked:?} may be {} apps; say which by its key: {}{more}",
        found.len(),
        named.join(", ")
    ))
}

/// Reads `source:kind:id`.
fn parse_app_ref(text: &str) -> Option<AppRef<'_>> {
    let (source, rest) = text.split_once(':')?;
    let (id_kind, id) = rest.split_once(':')?;
    let app = AppRef { source: Source::parse(source)?.issuer(), id_kind: AppIdKind::parse(id_kind)?, id };
    app.is_some().then_some(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(status: Status, department: &str) -> KnownApp {
        let own = Decision {
            app_key: "a.com".into(),
            app_refs: vec!["okta:app_id:1".into()],
            status,
            previous: Status::Unreviewed,
            department: department.into(),
            owner: "ann".into(),
            reason: "because".into(),
            decided_by: "it".into(),
            decided_at: Timestamp(1),
            expires_at: Timestamp(9),
        };
        KnownApp { app_key: "a.com".into(), in_force: vec![own], ..KnownApp::default() }
    }

    fn next(
        known: &KnownApp,
        status: Status,
        department: &str,
        change: impl FnOnce(&mut Decision),
    ) -> Result<(), Refused> {
        let mut decision = Decision {
            status,
            department: department.into(),
            previous: known.status(department),
            ..known.in_force[0].clone()
        };
        change(&mut decision);
        may_follow(known, &decision)
    }

    #[test]
    fn the_same_state_again_is_refused_unless_it_renews_something() {
        let known = known(Status::Sanctioned, "");
        assert!(next(&known, Status::Blocked, "", |_| ()).is_ok());
        assert!(next(&known, Status::Sanctioned, "", |_| ()).is_err());
        assert!(next(&known, Status::Sanctioned, "", |again| again.reason = "again".into()).is_err());
        assert!(next(&known, Status::Sanctioned, "", |again| again.owner = "bob".into()).is_ok());
        assert!(next(&known, Status::Sanctioned, "", |again| again.expires_at = Timestamp(99)).is_ok());
        assert!(next(&known, Status::Sanctioned, "", |again| again.app_refs.push("okta:app_id:2".into())).is_ok());
        assert!(next(&known, Status::Sanctioned, "", |again| again.app_refs.clear()).is_err());
        // What holds for all holds for the department already.
        assert!(next(&known, Status::Sanctioned, "Sales", |_| ()).is_err());
        assert!(next(&known, Status::Blocked, "Sales", |_| ()).is_ok());
    }

    #[test]
    fn nobody_decides_not_to_have_looked() {
        for status in Status::ALL {
            let known = known(*status, "");
            let refused = next(&known, Status::Unreviewed, "", |again| again.owner = "bob".into()).unwrap_err();
            assert!(matches!(&refused, Refused::Conflict(sentence) if sentence.contains("expires")), "{refused}");
        }
    }

    #[test]
    fn a_reference_is_read_as_it_is_printed() {
        for text in ["okta:app_id:0oa1", "entra:client_id:a:b", "google_workspace:label:My app"] {
            assert_eq!(parse_app_ref(text).unwrap().to_string(), text);
        }
        let before = parse_app_ref("m365_ual:client_id:7a1").unwrap();
        assert_eq!(before.to_string(), "entra:client_id:7a1", "the audit log's apps are the directory's");
        for text in ["slack.com", "okta:nothing:1", "okta:app_id:", "okta:none:x"] {
            assert_eq!(parse_app_ref(text), None, "{text}");
        }
    }

    #[test]
    fn an_end_lies_ahead_and_not_beyond_the_limit() {
        let now = Timestamp(1_000);
        for (end, is_good) in [
            (0, true),
            (1_001, true),
            (1_000, false),
            (-5, false),
            (1_000 + EXPIRY_MS_MAX, true),
            (1_001 + EXPIRY_MS_MAX, false),
        ] {
            assert_eq!(expiry(end, now).is_ok(), is_good, "{end}");
        }
    }
}
