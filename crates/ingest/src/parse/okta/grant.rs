//! What an Okta event grants: one `ConsentGrant` target a scope, or a comma-separated list on a token.

use event::{ConsentType, Kind, ParseWarning, ParseWarnings};

use super::wire::LogEvent;
use crate::parse::stamp::tokens;

/// The grant of an event; empty for most.
#[derive(Debug)]
pub(crate) struct Grant<'a> {
    pub(crate) scopes: String,
    pub(crate) resources: String,
    pub(crate) consent_type: ConsentType,
    pub(crate) id: &'a str,
}

impl<'a> Grant<'a> {
    /// Several scopes are one grant: nobody clicks once a scope.
    pub(crate) fn of(log: &'a LogEvent<'a>, kind: Kind, warnings: &mut ParseWarnings) -> Grant<'a> {
        if log.target.is_cut {
            warnings.add(ParseWarning::ListCut);
        }
        let consents = || log.target.iter().filter(|target| &*target.kind == "ConsentGrant");
        let consent = consents().next();
        let debug = &log.debug.data;
        let of_token = if debug.granted_scopes.is_empty() { &debug.requested_scopes } else { &debug.granted_scopes };
        let is_consent = matches!(kind, Kind::OauthGrant | Kind::OauthRevoke | Kind::OauthDenied);
        let consent_type = match (kind, &*log.event_type) {
            (Kind::OauthGrant | Kind::OauthDenied, "app.oauth2.admin.consent.grant") => ConsentType::TenantWide,
            (Kind::OauthGrant, _) => ConsentType::User,
            _ => ConsentType::Unknown,
        };
        let scopes = match consent {
            Some(_) if is_consent => tokens(consents().map(|target| &*target.display_name), warnings),
            // A sign-in, as most events are.
            _ if of_token.is_empty() => String::new(),
            _ => tokens(of_token.split(','), warnings),
        };
        let resources = consent
            .map(|_| tokens(consents().map(|target| &*target.detail.authorization_server), warnings))
            .unwrap_or_default();
        Grant { scopes, resources, consent_type, id: consent.map_or("", |target| &target.id) }
    }
}
