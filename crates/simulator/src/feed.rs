//! The ways on which native events come to us: one for each log that is told apart, each with its own deliveries.

use crate::{
    apps::Provider,
    moment::{Action, PersonId},
    suite::Suite,
};

/// One way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feed {
    /// Okta's event hook, and what was kept of it.
    OktaHook,
    /// Pages of Okta's System Log, polled: what hooks never carry, and second copies of what they do.
    OktaLog,
    /// Entra's diagnostic feed.
    Entra,
    /// Google's login log.
    GoogleLogin,
    /// Google's OAuth token log, which is hours behind.
    GoogleToken,
    /// Google's SAML log.
    GoogleSaml,
    /// The unified audit log of the subsidiary, which is behind as well.
    M365Ual,
}

impl Feed {
    /// Every way.
    pub const ALL: [Feed; 7] = [
        Feed::OktaHook,
        Feed::OktaLog,
        Feed::Entra,
        Feed::GoogleLogin,
        Feed::GoogleToken,
        Feed::GoogleSaml,
        Feed::M365Ual,
    ];

    /// Whose events they are.
    #[must_use]
    pub const fn provider(self) -> Provider {
        match self {
            Feed::OktaHook | Feed::OktaLog => Provider::Okta,
            Feed::Entra => Provider::Entra,
            Feed::GoogleLogin | Feed::GoogleToken | Feed::GoogleSaml => Provider::GoogleWorkspace,
            Feed::M365Ual => Provider::M365Ual,
        }
    }

    /// The connection that it goes to. Okta has two: the hook and the poll of one org meet in one tenant.
    #[must_use]
    pub const fn connection(self) -> &'static str {
        match self {
            Feed::OktaHook => "okta",
            Feed::OktaLog => "okta_log",
            Feed::Entra => "entra",
            Feed::GoogleLogin | Feed::GoogleToken | Feed::GoogleSaml => "google",
            Feed::M365Ual => "m365",
        }
    }

    /// The way of what that person does. Hooks do not carry token grants. Those of an incident travel with it all the same: two ways race in
    /// the live phase, and what is told of an incident must not hang on who wins.
    pub(crate) const fn of(action: Action, person: PersonId, is_incident: bool) -> Feed {
        match action {
            Action::OktaCode | Action::OktaIdToken | Action::OktaAccessToken if !is_incident => Feed::OktaLog,
            Action::GoogleAuthorize(_) | Action::GoogleRevoke(_) | Action::GoogleActivity => Feed::GoogleToken,
            Action::GoogleSaml | Action::GoogleSamlDenied => Feed::GoogleSaml,
            Action::GoogleLogin | Action::GoogleLoginFailed | Action::GoogleVerification | Action::GoogleNoise(_) => {
                Feed::GoogleLogin
            }
            _ if !action.is_microsoft() => Feed::OktaHook,
            _ if matches!(Suite::of(person), Suite::Subsidiary) => Feed::M365Ual,
            _ => Feed::Entra,
        }
    }

    /// The way of a second copy: the poll brings once more what the hook brought.
    pub(crate) const fn of_copy(self, is_polled: bool) -> Feed {
        match self {
            Feed::OktaHook if is_polled => Feed::OktaLog,
            same => same,
        }
    }

    /// Is it a log that is hours behind as a rule?
    pub(crate) const fn is_slow(self) -> bool {
        matches!(self, Feed::GoogleToken | Feed::M365Ual)
    }
}
