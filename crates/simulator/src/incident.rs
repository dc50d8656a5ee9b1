//! What happens in the company's story that somebody should be told.
//!
//! An incident is made by the schedule: its kind says what an analyst would call it, and which families of rules describe it rightly.
//! No threshold of any rule is known here.

use crate::apps::Provider;

/// What an analyst would call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IncidentKind {
    /// People bring in an app that nobody decided on.
    NewUnsanctionedApp,
    /// A team takes such an app up.
    SpreadThroughTeam,
    /// Half a hundred people and more take it up.
    SpreadThroughCompany,
    /// Somebody is talked into giving an app their mailbox.
    ConsentPhishing,
    /// Somebody gives an app far more than sign-in.
    PowerfulConsent,
    /// An administrator lets an app in for everybody.
    TenantWideConsent,
    /// An app that public lists call rogue.
    KnownRogueApp,
    /// An app that calls itself nearly like a brand.
    LookAlike,
    /// Somebody uses the app that IT forbade.
    UseOfBlockedApp,
}

impl IncidentKind {
    /// Every kind.
    pub const ALL: [IncidentKind; 9] = [
        IncidentKind::NewUnsanctionedApp,
        IncidentKind::SpreadThroughTeam,
        IncidentKind::SpreadThroughCompany,
        IncidentKind::ConsentPhishing,
        IncidentKind::PowerfulConsent,
        IncidentKind::TenantWideConsent,
        IncidentKind::KnownRogueApp,
        IncidentKind::LookAlike,
        IncidentKind::UseOfBlockedApp,
    ];

    /// Its name in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            IncidentKind::NewUnsanctionedApp => "new_unsanctioned_app",
            IncidentKind::SpreadThroughTeam => "spread_through_team",
            IncidentKind::SpreadThroughCompany => "spread_through_company",
            IncidentKind::ConsentPhishing => "consent_phishing",
            IncidentKind::PowerfulConsent => "powerful_consent",
            IncidentKind::TenantWideConsent => "tenant_wide_consent",
            IncidentKind::KnownRogueApp => "known_rogue_app",
            IncidentKind::LookAlike => "look_alike",
            IncidentKind::UseOfBlockedApp => "use_of_blocked_app",
        }
    }

    /// The rule that names the heart of it: without one of these, the incident was missed.
    #[must_use]
    pub const fn expected_rules(self) -> &'static [&'static str] {
        match self {
            IncidentKind::NewUnsanctionedApp => &["N1"],
            IncidentKind::SpreadThroughTeam | IncidentKind::SpreadThroughCompany => &["N4"],
            IncidentKind::ConsentPhishing => &["C2"],
            IncidentKind::PowerfulConsent => &["C1"],
            IncidentKind::TenantWideConsent => &["C4"],
            IncidentKind::KnownRogueApp => &["R1"],
            IncidentKind::LookAlike => &["R2"],
            IncidentKind::UseOfBlockedApp => &["L2"],
        }
    }

    /// Rules that are also right about it: no false alert, and not enough alone.
    #[must_use]
    pub const fn further_rules(self) -> &'static [&'static str] {
        match self {
            IncidentKind::NewUnsanctionedApp => &["N2", "N3", "U1"],
            IncidentKind::SpreadThroughTeam | IncidentKind::SpreadThroughCompany => {
                &["N2", "N3", "N5", "N6", "U1", "U3"]
            }
            IncidentKind::ConsentPhishing => &["N1", "N2", "C1", "C3", "C6"],
            IncidentKind::PowerfulConsent => &["N1", "N2", "N3", "C6"],
            IncidentKind::TenantWideConsent => &["N1", "N2", "N3", "C1", "C6"],
            IncidentKind::KnownRogueApp | IncidentKind::LookAlike => &["N1", "N2", "N3", "C1", "C2", "C6"],
            IncidentKind::UseOfBlockedApp => &["N1", "N2", "N3"],
        }
    }
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its number in this run, from 0: what `ElementTruth::Event` points to.
    pub number: u32,
    /// What an analyst would call it.
    pub kind: IncidentKind,
    /// Where the app hangs.
    pub provider: Provider,
    /// The app's id: Okta instance, client, or label.
    pub app_native_id: String,
    /// Microsoft's object of the app in its tenant; empty elsewhere.
    pub app_object_id: String,
    /// The app's name, for people.
    pub app_name: String,
    /// The mail address of the person with whom it began.
    pub person_mail: String,
    /// When its first event happened, milliseconds since 1970; for a spread, when its last one did.
    pub occurred_at_ms: i64,
    /// Does it end in the live phase?
    pub is_live: bool,
    /// The native ids of its events, in the order of the story.
    pub native_ids: Vec<String>,
}

impl Incident {
    /// Is an alert of this rule about this app (id or object) right because of this incident?
    #[must_use]
    pub fn explains(&self, rule: &str, app_id: &str) -> bool {
        let is_rule = self.kind.expected_rules().contains(&rule) || self.kind.further_rules().contains(&rule);
        is_rule && self.concerns(app_id)
    }

    /// Does an alert of this rule about this app mean that the incident was found?
    #[must_use]
    pub fn is_found_by(&self, rule: &str, app_id: &str) -> bool {
        self.kind.expected_rules().contains(&rule) && self.concerns(app_id)
    }

    fn concerns(&self, app_id: &str) -> bool {
        !app_id.is_empty() && (self.app_native_id == app_id || self.app_object_id == app_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_expected_or_further_and_never_both() {
        for kind in IncidentKind::ALL {
            assert!(!kind.expected_rules().is_empty());
            assert!(kind.expected_rules().iter().all(|rule| !kind.further_rules().contains(rule)), "{kind:?}");
        }
    }
}
