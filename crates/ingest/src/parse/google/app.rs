//! Which app an event of Google Workspace is about, and what it grants.

use event::{AppIdKind, AppKind, AppRef, ConsentType, Kind, ParseWarnings, Source, Stream};

use super::parameters::Parameters;
use crate::parse::stamp::tokens;

/// An app, as far as the event tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App<'a> {
    pub(crate) reference: AppRef<'a>,
    pub(crate) name: &'a str,
    pub(crate) kind: AppKind,
}

impl<'a> App<'a> {
    /// The app of an event. An OAuth client is its client id: its maker chooses the name. A SAML app has no id, but an administrator set
    /// its name. An app of the Marketplace has a number of its own.
    pub(crate) fn of(stream: Stream, name: &str, parameters: &'a Parameters<'a>) -> App<'a> {
        let text = |name: &str| parameters.text(name);
        match stream {
            Stream::Token => {
                app(AppIdKind::ClientId, text("client_id"), text("app_name"), by_client_type(text("client_type")))
            }
            Stream::Saml => app(AppIdKind::Label, text("application_name"), text("application_name"), AppKind::Saml),
            Stream::Admin => match name {
                "AUTHORIZE_API_CLIENT_ACCESS" | "REMOVE_API_CLIENT_ACCESS" => {
                    app(AppIdKind::ClientId, text("API_CLIENT_NAME"), "", AppKind::Service)
                }
                "REVOKE_3LO_TOKEN" => app(AppIdKind::ClientId, text("APP_ID"), text("APP_NAME"), AppKind::Unknown),
                name if name.contains("MOBILE_APPLICATION") => {
                    app(AppIdKind::AppId, text("MOBILE_APP_PACKAGE_ID"), "", AppKind::Native)
                }
                _ if !text("OAUTH2_APP_ID").is_empty() => {
                    app(AppIdKind::ClientId, text("OAUTH2_APP_ID"), text("OAUTH2_APP_NAME"), AppKind::Unknown)
                }
                name if name.contains("APPLICATION") => {
                    app(AppIdKind::AppId, text("APP_ID"), text("APPLICATION_NAME"), AppKind::Unknown)
                }
                _ => app(AppIdKind::None, "", "", AppKind::Unknown),
            },
            _ => app(AppIdKind::None, "", "", AppKind::Unknown),
        }
    }
}

fn app<'a>(id_kind: AppIdKind, id: &'a str, name: &'a str, kind: AppKind) -> App<'a> {
    let id_kind = if id.is_empty() { AppIdKind::None } else { id_kind };
    App { reference: AppRef { source: Source::GoogleWorkspace, id_kind, id }, name, kind }
}

fn by_client_type(client_type: &str) -> AppKind {
    match client_type {
        "WEB" => AppKind::Web,
        "CONNECTED_DEVICE" => AppKind::Native,
        native if native.starts_with("NATIVE_") => AppKind::Native,
        _ => AppKind::Unknown,
    }
}

/// What an event grants or takes back; empty for most.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) scopes: String,
    pub(crate) resources: String,
    pub(crate) consent_type: ConsentType,
}

impl Grant {
    /// The grant of an event. What was held before is told nowhere: an app that asks for more in steps writes one `authorize` a step, with
    /// its full list or with what is new.
    pub(crate) fn of(stream: Stream, kind: Kind, parameters: &Parameters<'_>, warnings: &mut ParseWarnings) -> Grant {
        let consent_type = match (stream, kind) {
            (Stream::Admin, Kind::OauthGrant) => ConsentType::TenantWide,
            (Stream::Token, Kind::OauthGrant) => ConsentType::User,
            _ => ConsentType::Unknown,
        };
        let listed = || parameters.all("scope").flat_map(str::split_whitespace);
        let scopes = match stream {
            Stream::Token if listed().next().is_some() => tokens(listed(), warnings),
            Stream::Token => tokens(parameters.members("scope_data", "scope_name"), warnings),
            Stream::Admin => {
                let separated = parameters.all("API_SCOPES").flat_map(|text| text.split([',', ' ', '\n', '\t']));
                tokens(separated.filter(|scope| !scope.is_empty()), warnings)
            }
            _ => String::new(),
        };
        let buckets = parameters.members("scope_data", "product_bucket").chain(parameters.all("product_bucket"));
        let resources = match stream {
            Stream::Token => tokens(buckets.chain(parameters.all("api_name")), warnings),
            _ => String::new(),
        };
        Grant { scopes, resources, consent_type }
    }
}
