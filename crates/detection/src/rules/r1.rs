//! R1: an app that is known to be used by attackers, by its id.

use event::{Fact, Severity};

use super::{Lane, Rule};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "R1",
    title: "Known rogue app",
    severity: Severity::Critical,
    version: 1,
    description: "The app's id is on the list of apps that attackers use. From the first event on: a rogue app on the first day is not normal. \
         One episode for each department that meets it, and one apart for mere attempts, so that a refused attempt does not hide what follows.",
    false_positives: "Some of these apps are honest tools that attackers like (mail clients, backup): if yours is wanted, sanction its id. \
         Nothing else silences the rule: no name, no first-party list.",
    technique: "T1528",
    source_of_idea: "Huntress rogue apps; public lists of OAuth apps seen in attacks.",
    lane: Lane::Identity,
    needs: &[Fact::ListedId],
    is_muted_while_learning: false,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    let is_open = !sight.app.rogue_reason.is_empty() && !sight.is_approved();
    if is_open {
        episode.push_str(if sight.is_met() { "met/" } else { "attempted/" });
        episode.push_str(sight.enriched.department);
    }
    is_open
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (who, app) = (sight.who(), sight.shown_name());
    draft.risk(sight);
    let did = if sight.is_met() { "let in" } else { "tried to use" };
    draft.title = format!("{who} {did} {app}, a known rogue app");
    draft.description = format!(
        "{app} is known from attacks: {}. Revoke its grants and sessions now, then look at what it read and at what else the person's account \
         did in the last days.",
        sight.app.rogue_reason
    );
    draft.prevention =
        "Block the app's id at the identity provider; let people consent only to verified publishers.".to_owned();
}
