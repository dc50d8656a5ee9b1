//! What a rule sees of an event: the event, what the tables say, and what the ledger remembers.

use catalog::{RiskLevel, ScopeFamily};
use enrichment::{AppInfo, Enriched};
use event::{Event, Kind, Outcome, Sighting, Status, UserKey};

use crate::settings::Settings;

/// Longest name of an app that is shown: characters.
const SHOWN_NAME_CHARS: usize = 80;

/// What a rule sees of an event about an app.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The event with what the tables say.
    pub enriched: &'a Enriched<'a>,
    /// What is known about the app; all empty for a companion whose log names no app.
    pub app: &'a AppInfo,
    /// The app's key as it was at first sight: the subject of its alerts.
    pub subject: &'a str,
    /// The person; `UserKey::NONE` only for a grant that concerns the whole tenant.
    pub person: UserKey,
    /// In which way the app was met: exactly one bit.
    pub way: Sighting,
    /// Is this the first use or grant of the app in the tenant?
    pub is_new_app: bool,
    /// Is this the person's first use or grant of the app?
    pub is_new_person: bool,
    /// How many people had met the app, this one included.
    pub people: u32,
    /// The thresholds.
    pub settings: &'a Settings,
}

impl<'a> Sight<'a> {
    /// The event.
    #[must_use]
    pub const fn event(&self) -> &'a Event<'a> {
        self.enriched.event
    }

    /// Was something granted?
    #[must_use]
    pub fn is_grant(&self) -> bool {
        self.way == Sighting::GRANTED
    }

    /// Was the app really used or granted, and not only tried?
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.way != Sighting::ATTEMPTED
    }

    /// Has IT said yes to it?
    #[must_use]
    pub const fn is_approved(&self) -> bool {
        self.enriched.status.is_approved()
    }

    /// Has IT forbidden it?
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.enriched.status == Status::Blocked
    }

    /// Does the grant open all of somebody's mail or files?
    #[must_use]
    pub fn opens_mail_or_files(&self) -> bool {
        let families = &self.enriched.grant_risk.high_families;
        families.iter().any(|family| matches!(family, ScopeFamily::Mail | ScopeFamily::Files))
    }

    /// Is the grant dangerous: does it read in bulk, or write as the person?
    #[must_use]
    pub fn is_high_risk(&self) -> bool {
        self.is_grant() && self.enriched.grant_risk.level >= RiskLevel::High
    }

    /// The app's name, fit to be shown: control characters and those that turn the reading direction are left out, for names are chosen by
    /// the app's maker.
    #[must_use]
    pub fn shown_name(&self) -> String {
        let event = self.event();
        let names = [self.app.name.as_str(), event.app_name, event.app.id, event.app_object_id];
        let name =
            names.into_iter().find(|name| !name.trim().is_empty()).unwrap_or("an app that the log does not name");
        shown(name)
    }

    /// "Somebody in Sales", or "Somebody".
    #[must_use]
    pub fn who(&self) -> String {
        if self.enriched.department.is_empty() {
            "Somebody".to_owned()
        } else {
            format!("Somebody in {}", shown(self.enriched.department))
        }
    }
}

/// Text from outside, fit to be shown.
fn shown(text: &str) -> String {
    let is_shown = |character: &char| {
        let is_invisible = matches!(*character,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}');
        !is_invisible && !character.is_control()
    };
    text.chars().filter(is_shown).take(SHOWN_NAME_CHARS).collect()
}

/// The way in which an event shows its app; `None` when it says nothing about use (an assignment, a policy, a sign-in to the provider).
pub(crate) fn way_of(event: &Event<'_>) -> Option<Sighting> {
    let is_done = matches!(event.outcome, Outcome::Success | Outcome::Unknown);
    match event.kind {
        Kind::OauthGrant if is_done => Some(Sighting::GRANTED),
        Kind::Sso | Kind::TokenIssued | Kind::TokenUse if is_done => Some(Sighting::USED),
        Kind::OauthGrant | Kind::Sso | Kind::TokenIssued | Kind::TokenUse | Kind::OauthDenied | Kind::OauthRequest => {
            Some(Sighting::ATTEMPTED)
        }
        // A sign-in to the provider itself mostly names no app; where it does, it says no less about the app than an `sso`.
        Kind::LoginSuccess if event.app.is_some() => Some(Sighting::USED),
        Kind::LoginFailure | Kind::LoginChallenge if event.app.is_some() => Some(Sighting::ATTEMPTED),
        _ => None,
    }
}
