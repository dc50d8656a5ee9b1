//! R2: an app whose name imitates one that people trust.

use event::{Fact, Severity};

use super::{Lane, Rule};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "R2",
    title: "Look-alike of a well-known app",
    severity: Severity::High,
    version: 1,
    description: "The app's name is confusable with that of a sanctioned or well-known app (`Micros0ft Teams`), and its id is another. Where the \
         name is the very same, only a dangerous grant counts: many genuine apps have ids that nobody has listed.",
    false_positives: "A genuine app with a second id and a playful name: merge the two, or sanction the id. Silent for approved ids and for the \
         provider's own ids, whatever they are called.",
    technique: "T1566.002",
    source_of_idea: "Push Security, evil twin integrations; skeletons after Unicode TS 39.",
    lane: Lane::Identity,
    needs: &[Fact::MakersName],
    is_muted_while_learning: false,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    let is_like = !sight.app.looks_like.is_empty() && !sight.app.is_first_party;
    let is_imitation = sight.app.is_confusable || sight.is_high_risk();
    let is_open = is_like && is_imitation && !sight.is_approved();
    if is_open {
        episode.push_str(&sight.app.looks_like);
    }
    is_open
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (who, app) = (sight.who(), sight.shown_name());
    let original = &sight.app.looks_like;
    let (points, likeness) = if sight.app.is_confusable { (45, "imitates") } else { (15, "is that of") };
    draft.factor(points, &format!("its name {likeness} {original}, its id is not"));
    crate::score::grant(sight, &mut draft.factors);
    crate::score::identity(sight, &mut draft.factors);
    draft.title = format!("{who} met {app}, which looks like {original} and is not");
    draft.description = format!(
        "Names are chosen by their makers; ids are not. This app is called {app}, and its id belongs to nobody we know. Treat it as phishing \
         until its maker is known: revoke its grants and ask the person how they came to it."
    );
    draft.prevention = "Let people consent only to apps of verified publishers.".to_owned();
}
