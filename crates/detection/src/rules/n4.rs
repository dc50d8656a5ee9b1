//! N4: an unapproved app becomes popular: it crosses 5, 50, 500 people.

use std::fmt::Write;

use event::Severity;

use super::{Lane, Rule, SEEN};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "N4",
    title: "An unapproved app becomes popular",
    severity: Severity::Low,
    version: 1,
    description: "As many people as a threshold says (`popular_people`) have used an app that nobody approved. Each threshold is told once. \
         Popular is not dangerous: it is demand that deserves a decision.",
    false_positives: "A rollout that IT began without a decision in Daylight; record the decision. Silent for approved apps and the provider's own.",
    technique: "",
    source_of_idea: "Defender for Cloud Apps, new popular app; with exact counts of people in place of a model.",
    lane: Lane::NewApp,
    needs: SEEN,
    is_muted_while_learning: true,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    let is_crossed = sight.is_new_person && sight.settings.popular_people.contains(&sight.people);
    // Writing into a String cannot fail.
    is_crossed && !sight.is_approved() && write!(episode, "{}", sight.people).is_ok()
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (people, app) = (sight.people, sight.shown_name());
    let points = match people {
        0..50 => 15,
        50..500 => 30,
        500.. => 45,
    };
    draft.factor(points, &format!("{people} people use it"));
    draft.title = format!("{people} people now use {app}, which nobody has approved");
    draft.description = format!("{app} has found {people} people here without anybody's help: it meets a need.");
    draft.offer(sight);
    draft.description.push_str(" Decide about it soon; every week makes it harder to change.");
    draft.prevention = "A decision while the app had few people.".to_owned();
}
