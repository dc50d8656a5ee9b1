//! What one click looks like in the providers' logs: a visit to an app, a consent with its companions, a login.

use crate::{
    agenda::{Agenda, Click},
    apps::{Access, App},
    moment::{Action, Breadth, ENTRA_NOISE, Grant, OKTA_NOISE},
};

/// Sign-in only, or a little more: what harmless apps ask for.
pub(crate) const HARMLESS: &[&str] = &[
    "openid profile email User.Read",
    "openid profile User.Read",
    "openid profile email User.Read Calendars.Read offline_access",
    "openid profile User.Read Tasks.ReadWrite offline_access",
    "openid email User.Read Contacts.Read",
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
    }
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
        Access::Client | Access::FirstParty => {
            let scopes = agenda.random.pick(HARMLESS);
            consent(agenda, click, Grant { scopes, breadth: Breadth::Person }, is_first);
            agenda.event(click, Action::EntraSignIn, 700);
        }
    }
}

/// A consent in Entra with the companions that one click writes, in no fixed order of arrival.
pub(crate) fn consent(agenda: &mut Agenda, click: &Click, grant: Grant, is_first: bool) {
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

/// Something that concerns no app and no login.
pub(crate) fn noise(agenda: &mut Agenda, click: &Click) {
    let action = if agenda.random.happens(600) {
        Action::OktaNoise(below(agenda, OKTA_NOISE.len()))
    } else {
        Action::EntraNoise(below(agenda, ENTRA_NOISE.len()))
    };
    agenda.event(click, action, 0);
}

fn below(agenda: &mut Agenda, length: usize) -> u8 {
    let limit = u32::try_from(length).unwrap_or_default();
    u8::try_from(agenda.random.below(limit)).unwrap_or_default()
}
