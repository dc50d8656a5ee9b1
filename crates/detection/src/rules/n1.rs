//! N1: the first use or grant of an app that the company never met.

use event::{Severity, Source};

use super::{Lane, Rule, SEEN};
use crate::{draft::Draft, sight::Sight};

pub(super) const RULE: Rule = Rule {
    id: "N1",
    title: "New app",
    severity: Severity::Low,
    version: 1,
    description: "Somebody used an app, or granted it something, that nobody in the company had used before: ever, not within the last days. \
         Without a risk factor it is of low severity: told, not paged. An attempt that was refused is remembered apart and does not hide \
         the first real use.",
    false_positives: "Silent for apps that IT sanctioned or tolerated before their first use (that is a rollout), for blocked ones (L2 tells), \
         for the provider's own apps, and for a further id of an app that is known already. A renamed or rebuilt integration has a new id \
         and fires; merge the two.",
    technique: "",
    source_of_idea: "Every detection product has one (Elastic new_terms, Sentinel rare consent, Defender new app); their memory is 5 to 180 days.",
    lane: Lane::NewApp,
    needs: SEEN,
    is_muted_while_learning: true,
    opens,
    tell,
};

fn opens(sight: &Sight<'_>, _episode: &mut String) -> bool {
    sight.is_new_app && !sight.is_approved() && !sight.is_blocked()
}

fn tell(sight: &Sight<'_>, draft: &mut Draft) {
    let (who, app) = (sight.who(), sight.shown_name());
    if sight.is_grant() {
        draft.title = format!("New app: {who} granted access to {app}");
    } else {
        draft.factor(10, told_by(sight.event().source));
        draft.title = format!("New app: {who} started to use {app}");
    }
    draft.risk(sight);
    draft.description = format!("Nobody here had used {app} before. We would rather know about it and help them.");
    draft.offer(sight);
    draft.prevention = "A published list of sanctioned apps, and a quick way to ask for another one.".to_owned();
}

/// What its use says of it, as far as the source can know: only an identity provider sees with what people signed in.
const fn told_by(source: Source) -> &'static str {
    match source {
        Source::Okta | Source::GoogleWorkspace | Source::Entra | Source::M365Ual | Source::Auth0 | Source::Onelogin => {
            "people sign in to it with their company identity"
        }
        Source::Slack => "Slack's own log tells of its use",
        Source::Github => "GitHub's own log tells of its use",
        Source::Dropbox => "Dropbox's own log tells of its use",
        Source::Salesforce => "Salesforce's own log tells of its use",
        // A browser, a card statement, an export: whoever wrote the mapping knows which.
        Source::Mapped => "a source beside the identity provider tells of its use",
    }
}
