//! Who acted in an event of Google Workspace, and whose access is concerned.

use event::{ActorType, Kind, Stream};

use super::{parameters::Parameters, wire::Activity};
use crate::parse::person::{Person, is_same};

/// Google writes this profile where it tells nobody.
const NOBODY: &str = "105250506097979753968";

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
    /// The subject is whom the parameters name, else who acted. An administrator who sets something for all has no subject.
    pub(crate) fn of(
        stream: Stream,
        kind: Kind,
        activity: &'a Activity<'a>,
        parameters: &'a Parameters<'a>,
    ) -> People<'a> {
        let is_typed = matches!(kind, Kind::LoginFailure | Kind::LoginChallenge);
        let acting = Person::new(profile(activity), email(activity), "", is_typed);
        let named = parameters.first_of(match stream {
            Stream::Login => &["affected_email_address"],
            Stream::Token => &["requester_email"],
            Stream::Admin => &["USER_EMAIL"],
            _ => &[],
        });
        let named = Person::new("", named, "", is_typed);
        let is_other = named.is_some() && !is_same(&named, &acting);
        let is_for_nobody = matches!(kind, Kind::AppAssigned | Kind::AppUnassigned | Kind::PolicyChange);
        let (subject, actor) = match stream {
            _ if is_other => (named, acting),
            Stream::Admin if is_for_nobody && !named.is_some() => (Person::default(), acting),
            _ => (acting, Person::default()),
        };
        let actor_type = match (stream, kind) {
            // A warning is Google's own.
            (Stream::Login, Kind::Other) => ActorType::System,
            // Without an address, nobody did it by hand: a change of policy, of password or of the account revokes many at one instant.
            (Stream::Token, Kind::OauthRevoke) if address(activity).is_empty() => ActorType::Unknown,
            (Stream::Admin, _) if acting.is_some() => ActorType::Admin,
            _ => caller(activity, &acting),
        };
        let is_name_dropped = acting.is_name_dropped || named.is_name_dropped;
        People { actor_type, subject: Person { is_name_dropped, ..subject }, actor }
    }
}

/// The profile id; empty when it stands for nobody.
pub(crate) fn profile<'a>(activity: &'a Activity<'a>) -> &'a str {
    let profile: &str = &activity.actor.profile;
    if profile == NOBODY { "" } else { profile }
}

/// The address of who acted.
pub(crate) fn email<'a>(activity: &'a Activity<'a>) -> &'a str {
    let own: &str = &activity.actor.email;
    if own.is_empty() { &activity.entry.authentication.email } else { own }
}

/// The client's address.
pub(crate) fn address<'a>(activity: &'a Activity<'a>) -> &'a str {
    let own: &str = &activity.ip;
    if own.is_empty() { &activity.entry.request.ip } else { own }
}

fn caller(activity: &Activity<'_>, acting: &Person<'_>) -> ActorType {
    match &*activity.actor.caller {
        "KEY" if &*activity.actor.key == "SYSTEM" => ActorType::System,
        "KEY" | "APPLICATION" => ActorType::App,
        _ if acting.is_some() => ActorType::User,
        _ => ActorType::Unknown,
    }
}
