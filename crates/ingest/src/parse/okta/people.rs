//! Who acted in an Okta event, and whose access is concerned.

use event::{ActorType, Kind};

use super::{kinds, wire::LogEvent};
use crate::parse::person::{Person, is_same};

/// The people of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct People<'a> {
    pub(crate) actor_type: ActorType,
    /// Whose access is concerned.
    pub(crate) subject: Person<'a>,
    /// Who acted, where that is another person.
    pub(crate) actor: Person<'a>,
}

impl<'a> People<'a> {
    /// The subject is the target user, else the account in the app, else the consent's user, else the actor. Where somebody signs on,
    /// the actor comes before the account in the app: that account's name is the app's, and may be shared by many.
    pub(crate) fn of(log: &'a LogEvent<'a>, kind: Kind) -> People<'a> {
        let is_typed = !matches!(&*log.outcome.result, "SUCCESS" | "ALLOW");
        let is_unmanaged = &*log.event_type == "application.account.detect";
        let actor = &log.actor;
        let acting = match &*actor.kind {
            "User" if !is_unmanaged => Person::new(&actor.id, &actor.alternate_id, &actor.display_name, is_typed),
            _ => Person::default(),
        };
        let target_of = |kind: &str| log.target.iter().find(|target| &*target.kind == kind);
        let of_target = |kind: &str| {
            target_of(kind)
                .map(|target| {
                    // An app's own account id is none of the person's ids.
                    let id = if kind == "User" { &*target.id } else { "" };
                    same_or(acting, Person::new(id, &target.alternate_id, &target.display_name, is_typed))
                })
                .filter(Person::is_some)
        };
        let consenting = || {
            let user = log.target.iter().map(|target| &*target.detail.user).find(|user| !user.is_empty())?;
            Some(same_or(acting, Person::new(user, "", "", is_typed)))
        };
        let signed_on = acting.is_some() && kinds::is_sign_on(kind);
        let subject = of_target("User")
            .or_else(|| if signed_on { None } else { of_target("AppUser") })
            .or_else(consenting)
            .unwrap_or(acting);
        let is_other = acting.is_some() && !is_same(&acting, &subject);
        let actor_type = match &*actor.kind {
            _ if is_unmanaged => ActorType::Unknown,
            "User" if is_other || &*log.event_type == "app.oauth2.admin.consent.grant" => ActorType::Admin,
            "User" => ActorType::User,
            "PublicClientApp" => ActorType::App,
            "SystemPrincipal" => ActorType::System,
            _ => ActorType::Unknown,
        };
        // A dropped name is told of once, whoever it stood for.
        let is_name_dropped = acting.is_name_dropped || subject.is_name_dropped;
        let subject = Person { is_name_dropped, ..subject };
        People { actor_type, subject, actor: if is_other { acting } else { Person::default() } }
    }

    /// Was a typed name dropped?
    pub(crate) const fn is_name_dropped(&self) -> bool {
        self.subject.is_name_dropped
    }
}

/// The actor when both are one person: the actor is told in full.
fn same_or<'a>(acting: Person<'a>, other: Person<'a>) -> Person<'a> {
    if is_same(&acting, &other) { acting } else { other }
}
