//! What each connection can tell, by its configuration: which ways lead in, which lists are fetched, and what stands in them. Nobody is
//! asked; whether it really comes is another question (`connections check`, `connections status`).

use event::{Fact, Source};

use crate::{ConnectionConfig, ConnectionError, connections::mapping, parse::told_by_provider, poll};

/// One way in, or one list that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `poll`, `hub` or `http`.
    pub by: &'static str,
    /// The list, where it is polled; else empty.
    pub feed: &'static str,
    /// What it can tell.
    pub facts: Vec<Fact>,
    /// What it leaves out, in a sentence; empty where there is nothing to say.
    pub leaves_out: &'static str,
    /// Is it for somebody else to say what comes? Then it may tell less than `facts`.
    pub is_as_sent: bool,
}

/// What a connection can tell.
///
/// # Errors
/// `ConnectionError` where its `poll` or its mapping cannot be used.
pub fn told_by(config: &ConnectionConfig) -> Result<Vec<Told>, ConnectionError> {
    let mut told = Vec::new();
    if let Some(polled) = &config.poll {
        let invalid = |reason| ConnectionError::Invalid { id: config.id.clone(), reason };
        let feeds = poll::open(config, polled).map_err(invalid)?.feeds;
        told.extend(feeds.iter().map(|feed| Told {
            by: "poll",
            feed: feed.name(),
            facts: feed.tells().to_vec(),
            leaves_out: feed.leaves_out(),
            is_as_sent: false,
        }));
    }
    let facts = match mapping(config)? {
        Some(mapping) => mapping.tells(),
        None => told_by_provider(config.provider).to_vec(),
    };
    for (by, is_it) in [("hub", config.hub.is_some()), ("http", config.secret.is_some())] {
        if is_it {
            let leaves_out = left_out_of(config.provider);
            told.push(Told { by, feed: "", facts: facts.clone(), leaves_out, is_as_sent: true });
        }
    }
    Ok(told)
}

/// What is known to be missing where a provider, or somebody between, decides what is sent.
const fn left_out_of(provider: Source) -> &'static str {
    match provider {
        Source::Okta => "an event hook tells no consent of the org itself and no OIDC sign-on; a log stream tells all",
        Source::Entra => "only the categories that the diagnostic setting names",
        _ => "only what is sent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::readable_providers;

    fn config(text: &str) -> ConnectionConfig {
        toml::from_str(&format!("id = 'x'\ntenant = 'acme'\n{text}")).unwrap()
    }

    #[test]
    fn no_list_tells_what_the_parser_of_its_provider_cannot_read() {
        for (provider, poll) in [
            ("okta", "{api='okta',token={env='T'}}"),
            ("entra", "{api='graph',client_id='x',client_secret={env='S'}}"),
            ("google_workspace", "{api='google_reports',delegated_admin='a@x.example',service_account={env='K'}}"),
            ("m365_ual", "{api='office365',client_id='x',client_secret={env='S'}}"),
        ] {
            let config = config(&format!("provider = '{provider}'\nprovider_tenant = 'acme.okta.com'\npoll = {poll}"));
            let read = told_by_provider(config.provider);
            let told = told_by(&config).unwrap();
            assert!(!told.is_empty());
            for list in told {
                assert!(!list.facts.is_empty(), "{provider} {}: it would be polled for nothing", list.feed);
                assert!(list.facts.iter().all(|fact| read.contains(fact)), "{provider} {}", list.feed);
            }
        }
    }

    #[test]
    fn every_provider_but_a_mapping_tells_something() {
        for provider in readable_providers() {
            assert_eq!(told_by_provider(provider).is_empty(), provider == Source::Mapped, "{provider}");
        }
    }

    #[test]
    fn what_others_send_is_told_apart_from_what_is_fetched() {
        let told = told_by(&config(
            "provider = 'okta'\nprovider_tenant = 'acme.okta.com'\nsecret = {env='S'}\npoll = {api='okta',token={env='T'}}",
        ));
        let ways: Vec<_> = told.unwrap().iter().map(|way| (way.by, way.feed, way.is_as_sent)).collect();
        assert_eq!(ways, [("poll", "system_log", false), ("http", "", true)]);
    }

    #[test]
    fn a_mapping_tells_what_its_kinds_say() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config/mappings");
        let facts = |file: &str| {
            let path = folder.join(file).display().to_string();
            let text = format!("provider = 'mapped'\nprovider_tenant = 'x'\nsecret = {{env='S'}}\nmapping = '{path}'");
            told_by(&config(&text)).unwrap().remove(0).facts
        };
        assert_eq!(facts("card_statement.toml"), [Fact::TokenUse]);
        assert!(
            facts("push_security.toml").contains(&Fact::SignOn) || facts("push_security.toml").contains(&Fact::SignIn)
        );
    }
}
