//! N2: a further person on an app that the company knows: adoption, counted and not paged.

use std::fmt::Write;

use event::Severity;

use super::{Lane, Rule, SEEN};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "N2",
    title: "Another person uses a new app",
    severity: Severity::Info,
    version: 1,
    description: "A person used an unapproved app for the first time that others here use already. It tells of the first few people only \
         (`adoption_told_people_max`); beyond them every person is still counted in the ledger, and N4 tells of the growth.",
    false_positives: "It is no threat at all: it shows demand. Silent for approved apps (adoption is what IT wants there), for blocked ones \
         (L2 tells) and for the provider's own.",
    technique: "",
    source_of_idea: "Adoption lane of our own: products alert on each person or on none.",
    lane: Lane::NewApp,
    needs: SEEN,
    is_muted_while_learning: true,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    let is_told = sight.people < sight.settings.adoption_told_people_max;
    let is_adoption = sight.is_new_person && !sight.is_new_app && is_told;
    // Writing into a String cannot fail.
    is_adoption && !sight.is_approved() && !sight.is_blocked() && write!(episode, "{}", sight.person).is_ok()
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (who, app) = (sight.who(), sight.shown_name());
    draft.factor(5, "one more person uses it");
    draft.title = format!("{who} started to use {app}, too");
    draft.description = format!("{app} is spreading from person to person.");
    draft.offer(sight);
    draft.prevention = "A decision about the app, before many people depend on it.".to_owned();
}
