//! Which app an Okta event is about.
//!
//! Okta's client ids *are* ids of app instances (`0oa…`), local to the org: an app that is signed on to by SAML or OIDC and consented to
//! is one app with one reference. So `0oa…` is an `app_id` wherever it stands, and only other client ids are `client_id`s.

use event::{AppIdKind, AppKind, AppRef, Kind, Source};

use super::wire::{LogEvent, Target};

/// The catalogue templates of Okta's own apps. A template's name (`displayName`) is Okta's; the label (`alternateId`) is the org's.
const OWN_APPS: [&str; 3] = ["Okta Dashboard", "Okta Admin Console", "Okta Browser Plugin"];

/// An app, as far as the event tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct App<'a> {
    pub(crate) reference: AppRef<'a>,
    pub(crate) name: &'a str,
    pub(crate) kind: AppKind,
}

/// The app of an event, from the first of: app instance, consent, the client that acts.
pub(crate) fn app<'a>(log: &'a LogEvent<'a>, kind: Kind) -> App<'a> {
    // The app instance of an inbound sign-in is the other identity provider.
    if &*log.event_type == "user.authentication.auth_via_IDP" {
        return none();
    }
    let of_kind = |kind: &str| log.target.iter().find(|target| &*target.kind == kind);
    if let Some(target) = of_kind("AppInstance") {
        return instance(target);
    }
    let consent = log.target.iter().find(|target| !target.detail.client.is_empty());
    if let Some(target) = consent {
        return client(&target.detail.client, "");
    }
    if matches!(kind, Kind::LoginSuccess | Kind::LoginFailure | Kind::LoginChallenge) {
        return none();
    }
    if &*log.actor.kind == "PublicClientApp" {
        let id = [&log.actor.alternate_id, &log.client.id, &log.actor.id].into_iter().find(|id| !id.is_empty());
        return id.map_or(none(), |id| client(id, &log.actor.display_name));
    }
    if let Some(target) = of_kind("PublicClientApp") {
        return client(&target.id, &target.display_name);
    }
    if log.client.id.is_empty() { none() } else { client(&log.client.id, "") }
}

const fn none<'a>() -> App<'a> {
    App {
        reference: AppRef { source: Source::Okta, id_kind: AppIdKind::None, id: "" },
        name: "",
        kind: AppKind::Unknown,
    }
}

/// An app instance: the id, else the org's own label.
fn instance<'a>(target: &'a Target<'a>) -> App<'a> {
    let name = if target.alternate_id.is_empty() { &target.display_name } else { &target.alternate_id };
    let (id_kind, id) = match (target.id.is_empty(), target.alternate_id.is_empty()) {
        (false, _) => (AppIdKind::AppId, &*target.id),
        (true, false) => (AppIdKind::Label, &*target.alternate_id),
        (true, true) => (AppIdKind::None, ""),
    };
    let kind = if OWN_APPS.contains(&&*target.display_name) {
        AppKind::FirstParty
    } else {
        by_sign_on_mode(&target.detail.sign_on_mode)
    };
    App { reference: AppRef { source: Source::Okta, id_kind, id }, name, kind }
}

/// A client, by its id alone: a consent never tells its name.
fn client<'a>(id: &'a str, name: &'a str) -> App<'a> {
    let (id_kind, kind) = if id.starts_with("0oa") {
        (AppIdKind::AppId, AppKind::Oidc)
    } else if id.starts_with("okta.") {
        (AppIdKind::ClientId, AppKind::FirstParty)
    } else if id.is_empty() {
        (AppIdKind::None, AppKind::Unknown)
    } else {
        (AppIdKind::ClientId, AppKind::Oidc)
    };
    App { reference: AppRef { source: Source::Okta, id_kind, id }, name, kind }
}

fn by_sign_on_mode(mode: &str) -> AppKind {
    match mode {
        "SAML_2_0" | "SAML_1_1" => AppKind::Saml,
        "OPENID_CONNECT" => AppKind::Oidc,
        "BROWSER_PLUGIN" | "SECURE_PASSWORD_STORE" | "AUTO_LOGIN" | "BASIC_AUTH" => AppKind::Swa,
        _ => AppKind::Unknown,
    }
}
