//! Whose format a delivery is in, and whether we read it.

use event::Source;
use thiserror::Error;

/// A provider that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// Nobody knows the name.
    #[error("no provider is called `{0}`; choose one of: okta, entra, google_workspace, m365_ual")]
    Unknown(String),
    /// It is known, and its parser is not there yet.
    #[error("there is no parser for {0} yet; okta and entra can be read")]
    NotYet(Source),
}

/// The provider of that name, if it can be parsed.
///
/// # Errors
/// `Unknown` for a name that is none, `NotYet` for a provider whose parser is still to come.
pub fn readable_provider(name: &str) -> Result<Source, ProviderError> {
    match Source::parse(name) {
        Some(source @ (Source::Okta | Source::Entra)) => Ok(source),
        Some(source @ (Source::GoogleWorkspace | Source::M365Ual)) => Err(ProviderError::NotYet(source)),
        _ => Err(ProviderError::Unknown(name.to_owned())),
    }
}

/// Keys of which each native event of a provider has at least one: how the splitter knows an event from an object inside one.
#[must_use]
pub const fn markers(provider: Source) -> &'static [&'static [u8]] {
    match provider {
        Source::Okta => &[b"eventType"],
        Source::Entra => &[b"properties", b"createdDateTime", b"activityDateTime", b"activityDisplayName"],
        Source::GoogleWorkspace => &[b"events"],
        Source::M365Ual => &[b"Operation"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_without_parser_is_a_clear_error() {
        assert_eq!(readable_provider("okta"), Ok(Source::Okta));
        assert_eq!(readable_provider("entra"), Ok(Source::Entra));
        for (name, sentence) in [
            ("google_workspace", "there is no parser for google_workspace yet; okta and entra can be read"),
            ("m365_ual", "there is no parser for m365_ual yet; okta and entra can be read"),
            ("oktaa", "no provider is called `oktaa`; choose one of: okta, entra, google_workspace, m365_ual"),
        ] {
            assert_eq!(readable_provider(name).unwrap_err().to_string(), sentence);
        }
    }
}
