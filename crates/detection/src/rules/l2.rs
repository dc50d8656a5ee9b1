//! L2: use of an app that IT has blocked.

use std::fmt::Write;

use event::Severity;

use super::{Lane, Rule, SEEN};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "L2",
    title: "Use of a blocked app",
    severity: Severity::Medium,
    version: 1,
    description: "A person used an app, or granted it something, that IT has blocked. One episode for each person and app: that they go on \
         using it is no new matter, and a query counts how often.",
    false_positives: "A refused attempt does not count: there the block works; nor does imported history. Tokens from before the block may be used until they are revoked.",
    technique: "",
    source_of_idea: "Every proxy has it; here it sees what never crosses a proxy.",
    lane: Lane::People,
    needs: SEEN,
    is_muted_while_learning: false,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    // Imported history is from before the decision: it teaches nothing here.
    let is_open = sight.is_met() && sight.is_blocked() && !sight.event().is_backfill;
    // Writing into a String cannot fail.
    is_open && write!(episode, "{}", sight.person).is_ok()
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (who, app) = (sight.who(), sight.shown_name());
    draft.factor(50, "IT has blocked the app");
    crate::score::grant(sight, &mut draft.factors);
    crate::score::resemblance(sight, &mut draft.factors);
    draft.title = format!("{who} used {app}, which is blocked");
    draft.description = format!(
        "{app} is blocked, and it was used all the same: the block does not hold everywhere, or the person has no other way."
    );
    draft.offer(sight);
    draft.prevention =
        "Enforce the block at the identity provider and revoke the grants and tokens that are left.".to_owned();
}
