//! What a rule says about an episode, and how it becomes an alert.

use event::{Alert, AlertId, AlertState, Coordinates, EventId, Factor, Timestamp};

use crate::{evidence, rules::Rule, score, sight::Sight};

/// What a rule says about an episode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// What adds up to the score.
    pub factors: Vec<Factor>,
    /// One sentence: who did what with which app.
    pub title: String,
    /// Why it matters and what to do, in a few sentences.
    pub description: String,
    /// What would have prevented it.
    pub prevention: String,
}

impl Draft {
    /// Adds a factor.
    pub fn factor(&mut self, points: i16, name: &str) {
        self.factors.push(score::factor(points, name));
    }

    /// Adds what the grant, the app and its name amount to.
    pub fn risk(&mut self, sight: &Sight<'_>) {
        score::grant(sight, &mut self.factors);
        score::identity(sight, &mut self.factors);
        score::resemblance(sight, &mut self.factors);
    }

    /// Adds what to do for the person's need: offer what is there, or learn what is missing.
    pub fn offer(&mut self, sight: &Sight<'_>) {
        let sentence = if sight.enriched.alternative.is_empty() {
            " Ask what they need it for, before saying no: nothing sanctioned serves that need yet.".to_owned()
        } else {
            format!(" {} is sanctioned for the same need: offer it.", sight.enriched.alternative)
        };
        self.description.push_str(&sentence);
    }
}

/// Where and how an episode was opened: what an alert needs beside the rule's words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening<'a> {
    pub(crate) id: AlertId,
    pub(crate) tenant: &'a str,
    pub(crate) episode: &'a str,
    pub(crate) people: u32,
    pub(crate) state: AlertState,
    pub(crate) coordinates: Coordinates,
    pub(crate) logged_at: Timestamp,
    /// Companions that the consent took in.
    pub(crate) companions: &'a [EventId],
}

/// Makes the alert.
pub(crate) fn alert(rule: &Rule, sight: &Sight<'_>, opening: &Opening<'_>) -> Alert {
    let mut draft = Draft::default();
    (rule.tell)(sight, &mut draft);
    let event = sight.event();
    let score = score::total(&draft.factors);
    let companions = opening.companions.iter().copied();
    let evidence: Vec<EventId> =
        std::iter::once(event.event_id).chain(companions).take(sight.settings.evidence_max.max(1)).collect();
    let delay_ms = event.received_at.since_ms(event.occurred_at);
    Alert {
        id: opening.id,
        tenant: opening.tenant.to_owned(),
        rule: rule.id.to_owned(),
        rule_version: rule.version,
        severity: score::severity(score),
        state: opening.state,
        score,
        factors: draft.factors,
        title: draft.title,
        description: draft.description,
        subject: sight.subject.to_owned(),
        episode: opening.episode.to_owned(),
        app_key: sight.app.app_key.clone(),
        app_ref: Alert::app_ref_text(&event.app),
        app_name: if event.app_name.is_empty() { sight.app.name.clone() } else { event.app_name.to_owned() },
        looks_like: sight.app.looks_like.clone(),
        user_key: sight.person,
        department: sight.enriched.department.to_owned(),
        people: opening.people,
        evidence_query: evidence::query(opening.tenant, &evidence),
        evidence,
        alternative: sight.enriched.alternative.to_owned(),
        prevention: draft.prevention,
        technique: rule.technique.to_owned(),
        occurred_at: event.occurred_at,
        received_at: event.received_at,
        logged_at: opening.logged_at,
        is_late: event.received_at.is_some() && delay_ms >= sight.settings.late_after_ms(event.source),
        coordinates: opening.coordinates,
        tables_version: sight.enriched.tables_version.to_owned(),
    }
}
