//! What one click looks like in the providers' logs: a visit to an app, a consent with its companions, a login.

use crate::{
    agenda::{Agenda, Click},
    apps::{Access, App, Provider},
    moment::{Action, Breadth, ENTRA_NOISE, GOOGLE_NOISE, Grant, OKTA_NOISE},
    suite::Suite,
};

/// Sign-in only, or a little more: what harmless apps ask for.
pub(crate) const HARMLESS: &[&str] = &[
    "openid profile email User.Read",
    "openid profile User.Read",
    "openid profile email User.Read Calendars.Read offline_access",
    "openid profile User.Read Tasks.ReadWrite offline_access",
    "openid email User.Read Contacts.Read",
];

/// The same, in Google's words.
pub(crate) const HARMLESS_GOOGLE: &[&str] = &[
    "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile",
    "openid https://www.googleapis.com/auth/userinfo.email",
    "openid https://www.googleapis.com/auth/userinfo.profile https://www.googleapis.com/auth/drive.file",
    "https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/calendar.readonly openid",
];

/// Somebody uses an app that they have.
pub(crate) fn visit(agenda: &mut Agenda, click: &Click, app: &App) {
    match app.access {
        Access::Saml | Access::Vaulted => agenda.event(click, Action::OktaSso, 0),
        Access::Oidc => {
            agenda.event(click, Action::OktaSso, 0);
            if agenda.random.happens(500) {
                agenda.event(click, Action::OktaCode, 40);
                agenda.event(click, Action::OktaIdToken, 310);
                agenda.event(click, Action::OktaAccessToken, 315);
            }
        }
        Access::Client => {
            agenda.event(click, Action::EntraSignIn, 0);
            if agenda.random.happens(400) {
                agenda.event(click, Action::EntraTokenUse, 1_200);
            }
        }
        Access::FirstParty => {
            let action = if agenda.random.happens(400) { Action::EntraSignIn } else { Action::EntraTokenUse };
            agenda.event(click, action, 0);
        }
        Access::Subsidiary => agenda.event(click, Action::EntraSignIn, 0),
        Access::GoogleSaml => agenda.event(click, Action::GoogleSaml, 0),
        Access::GoogleClient => use_token(agenda, click, app, 0),
    }
}

/// An app acts for somebody who is away. The unified audit log tells of that as of a sign-in.
pub(crate) fn use_token(agenda: &mut Agenda, click: &Click, app: &App, after_ms: i64) {
    let is_google = app.provider() == Provider::GoogleWorkspace;
    agenda.event(click, if is_google { Action::GoogleActivity } else { Action::EntraTokenUse }, after_ms);
}

/// Somebody gets an app for the first time. `is_first`: nobody had it before.
pub(crate) fn take_up(agenda: &mut Agenda, click: &Click, app: &App, is_first: bool) {
    match app.access {
        Access::Saml | Access::Vaulted => {
            if is_first {
                agenda.event(click, Action::OktaAppCreated, 0);
            }
            agenda.event(click, Action::OktaAssign, 20);
            agenda.event(click, Action::OktaSso, 60);
        }
        Access::Oidc => {
            agenda.event(click, Action::OktaConsent, 0);
            agenda.event(click, Action::OktaSso, 60);
            agenda.event(click, Action::OktaIdToken, 310);
        }
        Access::Client | Access::FirstParty | Access::Subsidiary => {
            let scopes = agenda.random.pick(HARMLESS);
            consent(agenda, click, app, Grant { scopes, breadth: Breadth::Person }, is_first);
            agenda.event(click, Action::EntraSignIn, 700);
        }
        Access::GoogleSaml => agenda.event(click, Action::GoogleSaml, 0),
        Access::GoogleClient => {
            let scopes = agenda.random.pick(HARMLESS_GOOGLE);
            consent(agenda, click, app, Grant { scopes, breadth: Breadth::Person }, is_first);
            use_token(agenda, click, app, 900);
        }
    }
}

/// A consent; at Microsoft with the companions that one click writes, in no fixed order of arrival. Google writes nothing else.
pub(crate) fn consent(agenda: &mut Agenda, click: &Click, app: &App, grant: Grant, is_first: bool) {
    if app.provider() == Provider::GoogleWorkspace {
        agenda.event(click, Action::GoogleAuthorize(grant), 0);
        return;
    }
    if is_first {
        if grant.breadth == Breadth::Person && agenda.random.happens(400) {
            agenda.event(click, Action::EntraConsentNeeded, 0);
        }
        agenda.event(click, Action::EntraAddServicePrincipal, 90);
    }
    agenda.event(click, Action::EntraDelegatedGrant(grant), 150);
    if agenda.random.happens(300) {
        agenda.event(click, Action::EntraAssign, 170);
    }
    agenda.event(click, Action::EntraConsent(grant), 210);
}

/// The day begins: perhaps a slip of the fingers, then a session and mostly a second factor.
pub(crate) fn log_in(agenda: &mut Agenda, click: &Click) {
    if agenda.random.happens(35) {
        let action = if agenda.random.happens(80) { Action::OktaTypedPassword } else { Action::OktaLoginFailed };
        agenda.event(click, action, 0);
    }
    if agenda.random.happens(250) {
        agenda.event(click, Action::OktaNoise(0), 8_000);
    }
    agenda.event(click, Action::OktaLogin, 8_010);
    if agenda.random.happens(800) {
        agenda.event(click, Action::OktaSecondFactor, 15_000);
    }
}

/// A session in Google Workspace, mostly with a second factor.
pub(crate) fn log_in_to_google(agenda: &mut Agenda, click: &Click) {
    if agenda.random.happens(20) {
        agenda.event(click, Action::GoogleLoginFailed, 0);
    }
    if agenda.random.happens(400) {
        agenda.event(click, Action::GoogleVerification, 5_000);
    }
    agenda.event(click, Action::GoogleLogin, 5_000);
}

/// Something that concerns no app and no login.
pub(crate) fn noise(agenda: &mut Agenda, click: &Click) {
    let action = match Suite::of(click.person) {
        _ if agenda.random.happens(600) => Action::OktaNoise(below(agenda, OKTA_NOISE.len())),
        Suite::Google => Action::GoogleNoise(below(agenda, GOOGLE_NOISE.len())),
        Suite::Microsoft | Suite::Subsidiary => Action::EntraNoise(below(agenda, ENTRA_NOISE.len())),
    };
    agenda.event(click, action, 0);
}

fn below(agenda: &mut Agenda, length: usize) -> u8 {
    let limit = u32::try_from(length).unwrap_or_default();
    u8::try_from(agenda.random.below(limit)).unwrap_or_default()
}
