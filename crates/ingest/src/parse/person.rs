//! A person as a provider names them, and what of it may be kept.
//!
//! The name of a failed login is whatever somebody typed: now and then a password. It is kept only if it looks like an e-mail address;
//! else nothing of it goes anywhere, not into a pseudonym either (the hash of a password is something that can be guessed).

use event::{Event, Source, UserKey};

use super::{IdentityRef, Outcome, ParseContext, text::is_email_like};

/// A person, or nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person<'a> {
    /// An e-mail address; empty when not told.
    pub(crate) email: &'a str,
    /// The provider's own id, else a login that is known to be one; empty when not told.
    pub(crate) native_id: &'a str,
    /// Name as displayed, else the login.
    pub(crate) display_name: &'a str,
    /// Was a typed name dropped?
    pub(crate) is_name_dropped: bool,
}

impl<'a> Person<'a> {
    /// The person behind an id and a login. `is_typed`: the login may be anything that somebody typed.
    pub(crate) fn new(native_id: &'a str, login: &'a str, display_name: &'a str, is_typed: bool) -> Person<'a> {
        // A backslash at the end is seen in real logins and belongs to nobody's address.
        let trimmed = login.trim();
        let address = if is_typed { trimmed } else { trimmed.trim_end_matches('\\') };
        if is_email_like(address) {
            return Person { email: address, native_id, display_name, is_name_dropped: false };
        }
        if is_typed {
            let display_name = if native_id.is_empty() || display_name == login { "" } else { display_name };
            return Person { email: "", native_id, display_name, is_name_dropped: !trimmed.is_empty() };
        }
        Person {
            email: "",
            native_id: if native_id.is_empty() { login } else { native_id },
            display_name: if display_name.is_empty() { login } else { display_name },
            is_name_dropped: false,
        }
    }

    /// Is there anything to know the person by?
    pub(crate) const fn is_some(&self) -> bool {
        !self.email.is_empty() || !self.native_id.is_empty()
    }

    /// The pseudonym.
    pub(crate) fn key(&self, context: &ParseContext<'_>, source: Source) -> UserKey {
        context.tenant_key.person(self.email, source, self.native_id)
    }

    /// What `identities` keeps.
    pub(crate) const fn identity(&self, user_key: UserKey) -> IdentityRef<'a> {
        IdentityRef { user_key, native_id: self.native_id, email: self.email, display_name: self.display_name }
    }
}

/// Hands an event over, with who the people in it are.
pub(crate) fn hand_over(
    event: &Event<'_>,
    subject: &Person<'_>,
    actor: &Person<'_>,
    sink: &mut dyn FnMut(Outcome<'_>),
) {
    let (subject, actor) = (subject.identity(event.user_key), actor.identity(event.actor_key));
    let identities: &[IdentityRef<'_>] = match (event.user_key.is_some(), event.actor_key.is_some()) {
        (true, true) => &[subject, actor],
        (true, false) => &[subject],
        (false, true) => &[actor],
        (false, false) => &[],
    };
    sink(Outcome::Event(event, identities));
}

/// Are both the same person, by id or by address?
pub(crate) fn is_same(one: &Person<'_>, other: &Person<'_>) -> bool {
    let is_id = !one.native_id.is_empty() && one.native_id == other.native_id;
    let is_email = !one.email.is_empty() && one.email.eq_ignore_ascii_case(other.email);
    is_id || is_email
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_name_that_is_no_address_leaves_no_trace() {
        let person = Person::new("", "hunter2", "hunter2", true);
        assert_eq!(person, Person { is_name_dropped: true, ..Person::default() });
        assert!(!person.is_some());
        let person = Person::new("00u1", "hunter2", "Ann", true);
        assert_eq!((person.email, person.native_id, person.display_name), ("", "00u1", "Ann"));
        assert_eq!(Person::new("", "ann@example.com", "", true).email, "ann@example.com");
    }

    #[test]
    fn a_known_login_that_is_no_address_is_kept() {
        let person = Person::new("", "svc-backup", "", false);
        assert_eq!((person.email, person.native_id, person.display_name), ("", "svc-backup", "svc-backup"));
    }
}
