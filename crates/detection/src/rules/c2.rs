//! C2: mail or files, and for good: what consent phishing asks for.

use event::{ConsentType, Fact, Severity};

use super::{CONSENT_PREVENTION, Lane, Rule, scopes_episode};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "C2",
    title: "Possible consent phishing: mail or files, with lasting access",
    severity: Severity::High,
    version: 1,
    description: "One person granted an unapproved app all of their mail or files together with access that lasts while they are away. That is \
         what consent phishing asks for; one person suffices, from the first day on.",
    false_positives: "Mail clients, backup and synchronisation tools ask for the same: sanction those that are wanted. A consent for the whole \
         company is C4's. Silent for the provider's own apps.",
    technique: "T1528",
    source_of_idea: "Consent phishing as described by Microsoft, Huntress (rogue apps) and Push Security (SaaS attacks).",
    lane: Lane::Consent,
    needs: &[Fact::Scopes],
    is_muted_while_learning: false,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, episode: &mut String) -> bool {
    let is_own = !matches!(sight.event().consent_type, ConsentType::TenantWide | ConsentType::Application);
    let is_lasting = sight.is_grant() && sight.enriched.grant_risk.is_persistent;
    let is_open = is_own && is_lasting && sight.opens_mail_or_files() && !sight.is_approved();
    if is_open {
        scopes_episode(sight, episode);
    }
    is_open
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (who, app) = (sight.who(), sight.shown_name());
    draft.risk(sight);
    draft.title = format!("{who} gave {app} their mail or files, with lasting access");
    draft.description = format!(
        "This is what consent phishing asks for: no password is stolen, a second factor does not help, and a new password does not end it. \
         Ask the person whether they meant to connect {app}. If not: revoke the grant, then look at what the app read since."
    );
    draft.offer(sight);
    draft.prevention = CONSENT_PREVENTION.to_owned();
}
