//! C4: one consent that speaks for everybody.

use event::{ConsentType, Fact, Severity};

use super::{Lane, Rule};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "C4",
    title: "Consent for the whole company",
    severity: Severity::Medium,
    version: 1,
    description: "An administrator let an unapproved app act for everybody in the company (Entra: AllPrincipals, OnBehalfOfAll). An administrator \
         who consents for themselves alone does not count. One episode for each set of scopes.",
    false_positives: "An administrator who sets up an app that was agreed upon elsewhere: record the decision first and the rule is silent. \
         Application permissions without a person are a rule of their own.",
    technique: "T1098.003",
    source_of_idea: "Sentinel, Elastic and Sigma rules on tenant-wide consent.",
    lane: Lane::Consent,
    needs: &[Fact::TenantWideConsent],
    is_muted_while_learning: false,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    let is_for_all = sight.is_grant() && sight.event().consent_type == ConsentType::TenantWide;
    let is_open = is_for_all && !sight.is_approved();
    if is_open {
        episode.push_str(sight.event().scopes.as_str());
    }
    is_open
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let app = sight.shown_name();
    draft.risk(sight);
    draft.title = format!("{app} was let in for the whole company");
    draft.description = format!(
        "An administrator consented to {app} on behalf of everybody, and no decision about it is recorded. If it was intended, record the \
         decision; if not, revoke the grant: it reaches everybody's data."
    );
    draft.offer(sight);
    draft.prevention =
        "Few administrators who may consent for all, and a decision recorded before the consent.".to_owned();
}
