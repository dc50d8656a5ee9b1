//! C1: dangerous scopes granted to an app that nobody approved.

use event::{Fact, Severity};

use super::{CONSENT_PREVENTION, Lane, Rule, scopes_episode};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "C1",
    title: "Dangerous permissions granted to an unapproved app",
    severity: Severity::High,
    version: 1,
    description: "An app that nobody approved was granted scopes that read in bulk or write as the person. Scopes are matched as whole tokens \
         of their provider (`Mail.ReadBasic` is not `Mail.Read`). One episode for each set of dangerous scopes: the hundredth person to \
         grant the same is counted, a new dangerous scope is told.",
    false_positives: "A good app that asks for much (backup, mail clients, note takers): sanction it and the rule is silent. Silent for the \
         provider's own apps.",
    technique: "T1528",
    source_of_idea: "Microsoft app governance and public consent rules; scope levels are ours.",
    lane: Lane::Consent,
    needs: &[Fact::Scopes],
    is_muted_while_learning: true,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    let is_open = sight.is_high_risk() && !sight.is_approved();
    if is_open {
        scopes_episode(sight, episode);
    }
    is_open
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (who, app) = (sight.who(), sight.shown_name());
    draft.risk(sight);
    draft.title = format!("{who} gave {app} far-reaching permissions");
    draft.description = format!(
        "{app} may now read in bulk or act as the person, and nobody has approved it. If it is not known to be good, revoke the grant first \
         and talk then."
    );
    draft.offer(sight);
    draft.prevention = CONSENT_PREVENTION.to_owned();
}
