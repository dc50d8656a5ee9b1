//! Which office suite a person works in, beside Okta, which everybody has.
//!
//! The company is one tenant of ours with four providers. Most people have an account in its own Microsoft tenant, whose diagnostic feed
//! we read (Entra). Some teams work in Google Workspace instead. And a subsidiary that was bought kept its own Microsoft tenant: nobody
//! set a diagnostic feed up there, so its sign-ins and consents come as records of the unified audit log alone. One consent is therefore
//! told by one log and never by both: the two logs give it different ids, and only the correlation id would show that it is one.
//! Whatever the suite, a person has one mail address, and so is one person to Daylight.

use crate::{apps::Provider, moment::PersonId};

/// An office suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    /// The company's Microsoft tenant.
    Microsoft,
    /// Google Workspace.
    Google,
    /// The Microsoft tenant of the subsidiary.
    Subsidiary,
}

impl Suite {
    /// Of ten people, two work in Google Workspace and one for the subsidiary. By their place in the list, so that the smallest company has
    /// all of them.
    pub(crate) const fn of(person: PersonId) -> Suite {
        match person.0 % 10 {
            4 | 5 => Suite::Google,
            6 => Suite::Subsidiary,
            _ => Suite::Microsoft,
        }
    }

    /// Whose log tells what people do there.
    pub(crate) const fn provider(self) -> Provider {
        match self {
            Suite::Microsoft => Provider::Entra,
            Suite::Google => Provider::GoogleWorkspace,
            Suite::Subsidiary => Provider::M365Ual,
        }
    }
}

impl Provider {
    /// Has this person an account there?
    pub(crate) fn has(self, person: PersonId) -> bool {
        self == Provider::Okta || self == Suite::of(person).provider()
    }

    /// The first one in the list who has an account there.
    pub(crate) const fn first_person(self) -> PersonId {
        match self {
            Provider::Okta | Provider::Entra => PersonId(0),
            Provider::GoogleWorkspace => PersonId(4),
            Provider::M365Ual => PersonId(6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_person_of_a_provider_has_an_account_there_and_nobody_before() {
        for provider in Provider::ALL {
            let first = (0..20).map(PersonId).find(|person| provider.has(*person));
            assert_eq!(first, Some(provider.first_person()), "{provider:?}");
        }
    }
}
