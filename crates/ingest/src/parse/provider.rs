//! Which providers are read, and how: the one list that a new parser is added to.

use event::{
    Fact::{self, Grant, ListedId, MakersName, Scopes, SignIn, SignOn, TenantWideConsent, TokenUse},
    Source,
};
use thiserror::Error;

use super::{
    Outcome, ParseContext, auth0, dropbox, entra, github, google, mapped, okta, onelogin, salesforce, slack, ual,
};
use crate::delivery::Framing;

/// Parses one element. It calls the sink exactly once for each native event; an error, before the sink was called, where the bytes are
/// no JSON.
pub(crate) type Parse = fn(&[u8], &ParseContext<'_>, &mut dyn FnMut(Outcome<'_>)) -> Result<(), serde_json::Error>;

/// How the native events of one provider are read.
struct Reader {
    source: Source,
    /// Keys of which each native event has at least one, and what may stand around events.
    framing: Framing<'static>,
    parse: Parse,
    /// What its log can tell, by this parser. A sign-in to a product that tells of itself is a sign-on to it.
    tells: &'static [Fact],
}

/// What may stand around the events of the providers that come through a hub, a hook or a page of a Microsoft or Google API.
const PAGES: &[&[u8]] = &[b"records", b"value", b"items", b"data.events"];

/// Every provider that is read. The configuration, `daylight parse`, the splitter and the tests all take it from here.
const READERS: &[Reader] = &[
    Reader {
        source: Source::Okta,
        framing: Framing { markers: &[b"eventType"], pages: PAGES },
        parse: okta::parse,
        tells: &[SignIn, SignOn, TokenUse, Grant, Scopes, TenantWideConsent],
    },
    Reader {
        source: Source::Entra,
        framing: Framing {
            markers: &[b"properties", b"createdDateTime", b"activityDateTime", b"activityDisplayName"],
            pages: PAGES,
        },
        parse: entra::parse,
        tells: &[SignIn, SignOn, TokenUse, Grant, Scopes, TenantWideConsent, MakersName, ListedId],
    },
    Reader {
        source: Source::Slack,
        framing: Framing {
            markers: &[b"action", b"change_type", b"date_last"],
            pages: &[b"entries", b"logs", b"logins"],
        },
        parse: slack::parse,
        tells: &[SignOn, Grant, Scopes, TenantWideConsent, MakersName],
    },
    Reader {
        source: Source::Github,
        framing: Framing { markers: &[b"action"], pages: &[b"records"] },
        parse: github::parse,
        tells: &[SignOn, TokenUse, Grant, Scopes, TenantWideConsent, MakersName],
    },
    Reader {
        source: Source::M365Ual,
        framing: Framing { markers: &[b"Operation", b"AuditData"], pages: &[b"value", b"records"] },
        parse: ual::parse,
        tells: &[SignIn, SignOn, Grant, Scopes, TenantWideConsent, MakersName, ListedId],
    },
    Reader {
        source: Source::GoogleWorkspace,
        framing: Framing {
            markers: &[b"events", b"event", b"actor", b"kind", b"protoPayload"],
            pages: &[b"items", b"entries"],
        },
        parse: google::parse,
        tells: &[SignIn, SignOn, TokenUse, Grant, Scopes, TenantWideConsent, MakersName],
    },
    Reader {
        source: Source::Auth0,
        framing: Framing { markers: &[b"log_id", b"_id"], pages: &[b"logs"] },
        parse: auth0::parse,
        tells: &[SignIn, SignOn, TokenUse, Grant, Scopes],
    },
    Reader {
        source: Source::Onelogin,
        framing: Framing { markers: &[b"event_type_id"], pages: &[b"data"] },
        parse: onelogin::parse,
        tells: &[SignIn, SignOn],
    },
    Reader {
        source: Source::Dropbox,
        framing: Framing { markers: &[b"event_type"], pages: &[b"events"] },
        parse: dropbox::parse,
        tells: &[SignOn, Grant, TenantWideConsent, MakersName],
    },
    Reader {
        source: Source::Salesforce,
        framing: Framing {
            markers: &[b"EVENT_TYPE", b"EventIdentifier", b"attributes", b"channel", b"payload"],
            pages: &[b"records"],
        },
        parse: salesforce::parse,
        tells: &[SignOn, TokenUse, Grant, Scopes, MakersName],
    },
    // Each mapping has its own framing (`Pieces::open`).
    Reader { source: Source::Mapped, framing: Framing { markers: &[], pages: &[] }, parse: mapped::parse, tells: &[] },
];

/// The name of a provider that is not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no provider called {name:?} can be read; it must be one of {}", names().join(", "))]
pub struct ProviderError {
    /// The name.
    pub name: String,
}

/// Every provider that is read.
pub fn readable_providers() -> impl Iterator<Item = Source> {
    READERS.iter().map(|reader| reader.source)
}

/// The provider of that name, if it is read.
///
/// # Errors
/// A sentence with the names of those that are.
pub fn readable_provider(name: &str) -> Result<Source, ProviderError> {
    readable_providers().find(|source| source.as_str() == name).ok_or_else(|| ProviderError { name: name.to_owned() })
}

/// How a provider frames its events.
#[must_use]
pub fn framing(provider: Source) -> Framing<'static> {
    reader(provider).map_or(Framing { markers: &[], pages: &[] }, |reader| reader.framing)
}

/// What the log of a provider can tell. Of a mapping, its own `tells` says it.
#[must_use]
pub fn told_by_provider(provider: Source) -> &'static [Fact] {
    reader(provider).map_or(&[], |reader| reader.tells)
}

/// The parser of a provider, if there is one.
pub(crate) fn parser(provider: Source) -> Option<Parse> {
    reader(provider).map(|reader| reader.parse)
}

fn reader(provider: Source) -> Option<&'static Reader> {
    READERS.iter().find(|reader| reader.source == provider)
}

fn names() -> Vec<&'static str> {
    readable_providers().map(Source::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_not_read_is_a_clear_error() {
        for source in readable_providers() {
            assert_eq!(readable_provider(source.as_str()), Ok(source));
        }
        let sentence = readable_provider("oktaa").unwrap_err().to_string();
        assert!(
            sentence.starts_with(r#"no provider called "oktaa" can be read; it must be one of okta, entra"#),
            "{sentence}"
        );
    }

    #[test]
    fn every_provider_is_listed_once_and_has_markers() {
        for source in readable_providers() {
            let has_own = source == Source::Mapped || !framing(source).markers.is_empty();
            assert!(has_own, "{source}: after damage, nothing would be found again");
            assert_eq!(readable_providers().filter(|other| *other == source).count(), 1, "{source}");
        }
    }
}
