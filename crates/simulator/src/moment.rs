//! A native event before it is written: who, what, when. Small, so that a whole day of them fits in little memory.

use crate::{
    apps::{AppId, Provider},
    feed::Feed,
    malformed::Malformation,
    random::Random,
    ual,
    writer::guid,
};

/// Place of a person in the list; only this crate makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PersonId(pub(crate) u32);

/// For whom a consent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// The person who clicked.
    Person,
    /// An administrator who clicked for nobody else.
    AdminSelf,
    /// An administrator, for everybody.
    Tenant,
}

/// What was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Scopes of Microsoft Graph or of Google, separated by spaces.
    pub(crate) scopes: &'static str,
    /// For whom.
    pub(crate) breadth: Breadth,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Okta: session started.
    OktaLogin,
    /// Okta: wrong password.
    OktaLoginFailed,
    /// Okta: a password in the field of the name.
    OktaTypedPassword,
    /// Okta: second factor.
    OktaSecondFactor,
    /// Okta: into an app.
    OktaSso,
    /// Okta: an OpenID Connect app got its code.
    OktaCode,
    /// Okta: an app got a token to tell who somebody is.
    OktaIdToken,
    /// Okta: an app got a token to act.
    OktaAccessToken,
    /// Okta: somebody let an app act.
    OktaConsent,
    /// Okta: and took it back.
    OktaRevoke,
    /// Okta: an app was given to somebody.
    OktaAssign,
    /// Okta: and taken away.
    OktaUnassign,
    /// Okta: an app was added.
    OktaAppCreated,
    /// Okta: a rule kept somebody out of an app.
    OktaAccessDenied,
    /// Okta: an event of a type that concerns no app and no login.
    OktaNoise(u8),
    /// Entra: interactive sign-in to an app.
    EntraSignIn,
    /// Entra: wrong password.
    EntraSignInFailed,
    /// Entra: second factor asked for.
    EntraChallenge,
    /// Entra: the app needs a consent first.
    EntraConsentNeeded,
    /// Entra: an app used a refresh token.
    EntraTokenUse,
    /// Entra: an app signed in as itself.
    EntraServicePrincipal,
    /// Entra: an app appeared in the tenant.
    EntraAddServicePrincipal,
    /// Entra: the grant behind a consent.
    EntraDelegatedGrant(Grant),
    /// Entra: the consent.
    EntraConsent(Grant),
    /// Entra: somebody gave an app to themselves, which goes with a consent.
    EntraAssign,
    /// Entra: an event of a type that concerns no app and no login.
    EntraNoise(u8),
    /// Google: session started.
    GoogleLogin,
    /// Google: wrong password.
    GoogleLoginFailed,
    /// Google: second factor.
    GoogleVerification,
    /// Google: into a SAML app.
    GoogleSaml,
    /// Google: kept out of one.
    GoogleSamlDenied,
    /// Google: somebody let an app act.
    GoogleAuthorize(Grant),
    /// Google: and took it back.
    GoogleRevoke(Grant),
    /// Google: an app acted.
    GoogleActivity,
    /// Google: an event of a type that concerns no app and no login.
    GoogleNoise(u8),
}

/// Event types of Okta that the pipeline has no use for.
pub(crate) const OKTA_NOISE: &[&str] = &[
    "policy.evaluate_sign_on",
    "user.session.end",
    "user.account.update_profile",
    "group.user_membership.add",
    "user.lifecycle.activate",
    "user.mfa.factor.activate",
    "application.lifecycle.update",
    "user.account.update_password",
];

/// Operations of Entra that the pipeline has no use for.
pub(crate) const ENTRA_NOISE: &[&str] = &[
    "Update user",
    "User registered security info",
    "Update device",
    "Add member to group",
    "Change user password",
    "Add device",
];

/// Events of Google's login log that the pipeline has no use for.
pub(crate) const GOOGLE_NOISE: &[&str] = &["logout", "password_edit", "recovery_email_edit", "2sv_enroll"];

impl Action {
    /// Does it happen in a Microsoft tenant? In which of the two hangs on the person.
    pub(crate) const fn is_microsoft(self) -> bool {
        matches!(
            self,
            Action::EntraSignIn
                | Action::EntraSignInFailed
                | Action::EntraChallenge
                | Action::EntraConsentNeeded
                | Action::EntraTokenUse
                | Action::EntraServicePrincipal
        ) || self.is_audit()
    }

    /// Does the pipeline leave it out?
    pub(crate) const fn is_noise(self) -> bool {
        matches!(self, Action::OktaNoise(_) | Action::EntraNoise(_) | Action::GoogleNoise(_))
    }

    /// Does it stand in Entra's audit log (and not among the sign-ins)?
    pub(crate) const fn is_audit(self) -> bool {
        matches!(
            self,
            Action::EntraAddServicePrincipal
                | Action::EntraDelegatedGrant(_)
                | Action::EntraConsent(_)
                | Action::EntraAssign
                | Action::EntraNoise(_)
        )
    }

    /// The provider's type: Okta's `eventType`, Google's event name, Entra's operation or sign-in category. The unified audit log has names of
    /// its own (`ual`).
    pub(crate) fn native_type(self) -> &'static str {
        match self {
            Action::OktaLogin | Action::OktaLoginFailed | Action::OktaTypedPassword => "user.session.start",
            Action::OktaSecondFactor => "user.authentication.auth_via_mfa",
            Action::OktaSso => "user.authentication.sso",
            Action::OktaCode => "app.oauth2.as.authorize.code",
            Action::OktaIdToken => "app.oauth2.as.token.grant.id_token",
            Action::OktaAccessToken => "app.oauth2.as.token.grant.access_token",
            Action::OktaConsent => "app.oauth2.as.consent.grant",
            Action::OktaRevoke => "app.oauth2.as.consent.revoke",
            Action::OktaAssign => "application.user_membership.add",
            Action::OktaUnassign => "application.user_membership.remove",
            Action::OktaAppCreated => "application.lifecycle.create",
            Action::OktaAccessDenied => "application.policy.sign_on.deny_access",
            Action::OktaNoise(number) => OKTA_NOISE.get(usize::from(number)).copied().unwrap_or("user.session.end"),
            Action::EntraSignIn | Action::EntraSignInFailed | Action::EntraChallenge | Action::EntraConsentNeeded => {
                "SignInLogs"
            }
            Action::EntraTokenUse => "NonInteractiveUserSignInLogs",
            Action::EntraServicePrincipal => "ServicePrincipalSignInLogs",
            Action::EntraAddServicePrincipal => "Add service principal",
            Action::EntraDelegatedGrant(_) => "Add delegated permission grant",
            Action::EntraConsent(_) => "Consent to application",
            Action::EntraAssign => "Add app role assignment grant to user",
            Action::EntraNoise(number) => ENTRA_NOISE.get(usize::from(number)).copied().unwrap_or("Update user"),
            Action::GoogleLogin | Action::GoogleSaml => "login_success",
            Action::GoogleLoginFailed | Action::GoogleSamlDenied => "login_failure",
            Action::GoogleVerification => "login_verification",
            Action::GoogleAuthorize(_) => "authorize",
            Action::GoogleRevoke(_) => "revoke",
            Action::GoogleActivity => "activity",
            Action::GoogleNoise(number) => GOOGLE_NOISE.get(usize::from(number)).copied().unwrap_or("logout"),
        }
    }

    /// The canonical kind (formats.md, section 0); empty for what is left out.
    pub(crate) const fn kind(self, is_first_party: bool) -> &'static str {
        match self {
            Action::OktaLogin | Action::GoogleLogin => "login_success",
            Action::OktaLoginFailed
            | Action::OktaTypedPassword
            | Action::EntraSignInFailed
            | Action::GoogleLoginFailed => "login_failure",
            Action::OktaSecondFactor | Action::EntraChallenge | Action::GoogleVerification => "login_challenge",
            Action::EntraSignIn if is_first_party => "login_success",
            Action::OktaSso | Action::OktaCode | Action::EntraSignIn | Action::GoogleSaml => "sso",
            Action::OktaIdToken | Action::OktaAccessToken => "token_issued",
            Action::OktaConsent
            | Action::EntraDelegatedGrant(_)
            | Action::EntraConsent(_)
            | Action::EntraAssign
            | Action::GoogleAuthorize(_) => "oauth_grant",
            Action::OktaRevoke | Action::GoogleRevoke(_) => "oauth_revoke",
            Action::OktaAssign => "app_assigned",
            Action::OktaUnassign => "app_unassigned",
            Action::OktaAppCreated | Action::EntraAddServicePrincipal => "app_registered",
            Action::OktaAccessDenied | Action::GoogleSamlDenied => "oauth_denied",
            Action::EntraConsentNeeded => "oauth_request",
            Action::EntraTokenUse | Action::EntraServicePrincipal | Action::GoogleActivity => "token_use",
            Action::OktaNoise(_) | Action::EntraNoise(_) | Action::GoogleNoise(_) => "",
        }
    }
}

/// What became of the event on its way to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Delivered.
    Original,
    /// Delivered once more.
    Copy,
    /// Damaged; no whole copy of it exists.
    Malformed(Malformation),
}

/// One element of some delivery. Times are milliseconds from the anchor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// When it happened.
    pub(crate) occurred: i64,
    /// When it is delivered.
    pub(crate) due: i64,
    /// All that is random in its text; a copy has the same.
    pub(crate) identity: u64,
    /// Shared by the events of one click.
    pub(crate) click: u64,
    /// The person concerned.
    pub(crate) person: PersonId,
    /// The app concerned.
    pub(crate) app: AppId,
    /// What happened.
    pub(crate) action: Action,
    /// The way on which it comes.
    pub(crate) feed: Feed,
    /// What became of it.
    pub(crate) role: Role,
    /// The incident that it is part of.
    pub(crate) incident: Option<u32>,
}

impl Moment {
    /// The provider's type of the event.
    pub(crate) fn native_type(&self) -> &'static str {
        if self.feed == Feed::M365Ual { ual::operation(self.action) } else { self.action.native_type() }
    }

    /// The canonical kind. The unified audit log knows no use of a token: there it is one more sign-in.
    pub(crate) const fn kind(&self, is_first_party: bool) -> &'static str {
        match (self.feed, self.action) {
            (Feed::M365Ual, Action::EntraTokenUse) => Action::EntraSignIn.kind(is_first_party),
            (_, action) => action.kind(is_first_party),
        }
    }

    /// The provider's id of the event. The stream behind it is where rendering goes on.
    pub(crate) fn native_id(&self) -> (String, Random) {
        let mut random = Random::new(self.identity);
        let id = guid(&mut random);
        if self.feed.provider() == Provider::GoogleWorkspace {
            // A signed number. Google's own is not unique; ours is, because the truth tells events apart by it.
            return (random.next().cast_signed().to_string(), random);
        }
        if self.action.is_audit() && self.feed == Feed::Entra {
            let number = 10_000_000 + random.below(90_000_000);
            return (
                format!("Directory_{}_{}_{number}", self.correlation_id(), random.pick(&["XH34Q", "GSOLK", "DO21D"])),
                random,
            );
        }
        (id, random)
    }

    /// Entra's correlation id, and Okta's transaction id: of the click.
    pub(crate) fn correlation_id(&self) -> String {
        guid(&mut Random::new(self.click))
    }
}
