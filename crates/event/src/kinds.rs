//! The closed sets of an event: where it comes from and what it means (formats.md, section 0).

use crate::closed_set::closed_set;

closed_set! {
    /// The identity provider, or other system, that an event comes from.
    Source {
        /// Okta System Log, by hook, poll or stream.
        Okta => "okta",
        /// Google Workspace Reports API.
        GoogleWorkspace => "google_workspace",
        /// Microsoft Entra ID: diagnostic settings or Graph.
        Entra => "entra",
        /// Microsoft 365 unified audit log.
        M365Ual => "m365_ual",
        /// Slack audit logs.
        Slack => "slack",
        /// GitHub audit log.
        Github => "github",
        /// Auth0 log streams.
        Auth0 => "auth0",
        /// OneLogin events.
        Onelogin => "onelogin",
        /// Dropbox team log.
        Dropbox => "dropbox",
        /// Salesforce event monitoring.
        Salesforce => "salesforce",
        /// Declared by a mapping: what nobody wrote a parser for.
        Mapped => "mapped",
    }
}

impl Source {
    /// Who gave the ids by which this source names apps. Both of Microsoft's logs tell of the applications of one directory: an app that
    /// stands in both is one app, and what was decided about it binds whichever log tells of it next.
    #[must_use]
    pub const fn issuer(self) -> Source {
        match self {
            Source::M365Ual => Source::Entra,
            other => other,
        }
    }
}

closed_set! {
    /// Which of a provider's logs an event stood in.
    Stream {
        /// Not told.
        Unknown => "unknown",
        /// Okta's only log.
        SystemLog => "system_log",
        /// Google login audit.
        Login => "login",
        /// Google OAuth token audit.
        Token => "token",
        /// Google SAML audit.
        Saml => "saml",
        /// Google admin audit.
        Admin => "admin",
        /// Entra interactive user sign-ins.
        SigninInteractive => "signin_interactive",
        /// Entra non-interactive user sign-ins.
        SigninNoninteractive => "signin_noninteractive",
        /// Entra service-principal and managed-identity sign-ins.
        SigninSp => "signin_sp",
        /// Directory or product audit log.
        Audit => "audit",
    }
}

closed_set! {
    /// What a user-meaningful action was.
    Kind {
        /// A person signed in to the identity provider.
        LoginSuccess => "login_success",
        /// A sign-in was refused.
        LoginFailure => "login_failure",
        /// A sign-in was asked for more (a second factor, a device, a new password).
        LoginChallenge => "login_challenge",
        /// A person signed in to an app through the identity provider.
        Sso => "sso",
        /// Somebody let an app act on data.
        OauthGrant => "oauth_grant",
        /// A grant was taken back.
        OauthRevoke => "oauth_revoke",
        /// A grant, or access to an app, was refused.
        OauthDenied => "oauth_denied",
        /// Somebody asked for an app that needs an administrator.
        OauthRequest => "oauth_request",
        /// A token was issued to an app.
        TokenIssued => "token_issued",
        /// An app used what it was granted.
        TokenUse => "token_use",
        /// An app was assigned to a person or group.
        AppAssigned => "app_assigned",
        /// An assignment ended.
        AppUnassigned => "app_unassigned",
        /// An app was added to the tenant.
        AppRegistered => "app_registered",
        /// An app was removed from the tenant.
        AppRemoved => "app_removed",
        /// A rule about apps or consent was changed.
        PolicyChange => "policy_change",
        /// Kept for its risk signal; none of the above.
        Other => "other",
    }
}

impl Kind {
    /// Does this kind show that an app is really in use (not only offered, asked for or refused)?
    #[must_use]
    pub const fn is_use(self) -> bool {
        matches!(self, Kind::Sso | Kind::TokenIssued | Kind::TokenUse)
    }
}

closed_set! {
    /// How the action ended, as the provider says.
    Outcome {
        /// Not told.
        Unknown => "unknown",
        /// It happened.
        Success => "success",
        /// It failed.
        Failure => "failure",
        /// A rule refused it.
        Denied => "denied",
        /// More was asked for.
        Challenge => "challenge",
    }
}

closed_set! {
    /// Who acted.
    ActorType {
        /// Not told.
        Unknown => "unknown",
        /// A person.
        User => "user",
        /// An app or service principal.
        App => "app",
        /// The provider itself.
        System => "system",
        /// A person acting as administrator.
        Admin => "admin",
    }
}

closed_set! {
    /// For whom a consent speaks.
    ConsentType {
        /// Not told, or no consent.
        Unknown => "unknown",
        /// A person, for themselves.
        User => "user",
        /// An administrator, for themselves alone.
        AdminSelf => "admin_self",
        /// Everybody in the tenant.
        TenantWide => "tenant_wide",
        /// The app itself, without a person (application permission).
        Application => "application",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_audit_log_names_apps_by_the_ids_of_another_source() {
        for source in Source::ALL {
            let issuer = if *source == Source::M365Ual { Source::Entra } else { *source };
            assert_eq!(source.issuer(), issuer);
        }
    }

    #[test]
    fn names_parse_back_to_the_same_member() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
            assert_eq!(Kind::from_index(kind.index()), Some(*kind));
        }
        assert_eq!(Kind::from_index(200), None);
        assert_eq!(Kind::parse("Sso"), None);
    }
}
