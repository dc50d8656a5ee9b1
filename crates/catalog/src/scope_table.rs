//! Scopes to levels: exact tokens per provider, from `data/scope_risk.tsv`.
//!
//! A scope is matched whole, so that a row about `Mail.Read` never speaks of `Mail.ReadBasic`. Patterns exist for what nobody listed, and
//! only such a scope is tried against them. `offline_access` has no level of its own: nearly every consent holds it, and an alert on it
//! alone would say nothing.

use std::collections::HashMap;

use event::{ConsentType, Source, Tokens};

use crate::{CatalogueError, GrantRisk, RiskLevel, ScopeFamily, tsv};

const FILE: &str = "scope_risk.tsv";
/// What Google puts before most of its scopes; some tools leave it out.
const GOOGLE_PREFIX: &str = "https://www.googleapis.com/auth/";
/// The level of a scope that nobody listed and no pattern matches.
const UNKNOWN_LEVEL: RiskLevel = RiskLevel::Medium;

/// Whose scopes a row speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Provider {
    Google,
    GraphDelegated,
    GraphApplication,
    Slack,
    Github,
    Salesforce,
    Okta,
    Any,
}

impl Provider {
    fn parse(text: &str) -> Option<Provider> {
        Some(match text {
            "google" => Provider::Google,
            "msgraph_delegated" => Provider::GraphDelegated,
            "msgraph_application" => Provider::GraphApplication,
            "slack" => Provider::Slack,
            "github" => Provider::Github,
            "salesforce" => Provider::Salesforce,
            "okta" => Provider::Okta,
            "any" => Provider::Any,
            _ => return None,
        })
    }

    const fn of(source: Source, consent_type: ConsentType) -> Provider {
        match source {
            Source::Okta => Provider::Okta,
            Source::GoogleWorkspace => Provider::Google,
            Source::Entra | Source::M365Ual if matches!(consent_type, ConsentType::Application) => {
                Provider::GraphApplication
            }
            Source::Entra | Source::M365Ual => Provider::GraphDelegated,
            Source::Slack => Provider::Slack,
            Source::Github => Provider::Github,
            Source::Salesforce => Provider::Salesforce,
            Source::Auth0 | Source::Onelogin | Source::Dropbox | Source::Mapped => Provider::Any,
        }
    }
}

/// What a scope amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    /// A level, and the kind of data.
    Level(RiskLevel, ScopeFamily),
    /// No level: it makes the other scopes last.
    Amplifier,
}

impl Rank {
    const fn raised(self) -> Rank {
        match self {
            Rank::Level(level, family) => Rank::Level(level.raised(), family),
            Rank::Amplifier => Rank::Amplifier,
        }
    }
}

/// Every row of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeTable {
    exact: HashMap<Provider, HashMap<String, Rank>>,
    patterns: Vec<(Provider, String, Rank)>,
}

impl ScopeTable {
    pub(crate) fn parse(text: &str) -> Result<ScopeTable, CatalogueError> {
        let mut table = ScopeTable::default();
        for line in tsv::lines(FILE, text)? {
            let [provider, scope, level, family] = line.columns()?;
            let provider =
                Provider::parse(provider).ok_or_else(|| line.error(format!("unknown provider `{provider}`")))?;
            let family = ScopeFamily::parse(family).ok_or_else(|| line.error(format!("unknown family `{family}`")))?;
            let rank = match RiskLevel::parse(level) {
                Some(RiskLevel::None) => return Err(line.error("no scope has the level `none`")),
                Some(level) => Rank::Level(level, family),
                None if level == "amplifier" => Rank::Amplifier,
                None => return Err(line.error(format!("unknown level `{level}`"))),
            };
            if scope.is_empty() {
                return Err(line.error("the scope is missing"));
            }
            if scope.contains('*') {
                table.patterns.push((provider, scope.to_owned(), rank));
            } else if table.exact.entry(provider).or_default().insert(scope.to_owned(), rank).is_some() {
                return Err(line.error(format!("`{scope}` stands here a second time")));
            }
        }
        Ok(table)
    }

    /// What the scopes of one grant amount to.
    pub(crate) fn grant_risk(&self, source: Source, scopes: Tokens<'_>, consent_type: ConsentType) -> GrantRisk {
        let provider = Provider::of(source, consent_type);
        let mut risk = GrantRisk::default();
        for scope in scopes.iter() {
            match self.rank(provider, scope) {
                Rank::Amplifier => {
                    risk.is_persistent = true;
                    risk.level = risk.level.max(RiskLevel::Low);
                }
                Rank::Level(level, family) => {
                    if level >= RiskLevel::High && !risk.high_families.contains(&family) {
                        risk.high_families.push(family);
                    }
                    if level > risk.level {
                        risk.level = level;
                        risk.top_scopes.clear();
                    }
                    if level == risk.level {
                        risk.top_scopes.push(scope.to_owned());
                    }
                }
            }
        }
        risk.high_families.sort_unstable();
        risk
    }

    fn rank(&self, provider: Provider, scope: &str) -> Rank {
        self.known(provider, scope).unwrap_or(Rank::Level(UNKNOWN_LEVEL, ScopeFamily::Other))
    }

    fn known(&self, provider: Provider, scope: &str) -> Option<Rank> {
        match provider {
            // The delegated namesake opens one person's data, the application permission everybody's.
            Provider::GraphApplication => {
                let bare = bare_permission(scope);
                let own = self.exact(provider, bare).or_else(|| self.pattern(provider, bare));
                own.or_else(|| Some(self.rank(Provider::GraphDelegated, bare).raised()))
            }
            Provider::GraphDelegated => {
                let bare = bare_permission(scope);
                self.exact(provider, bare).or_else(|| self.pattern(provider, bare))
            }
            Provider::Google => {
                let full = if scope.contains("://") { scope.to_owned() } else { format!("{GOOGLE_PREFIX}{scope}") };
                self.exact(provider, scope)
                    .or_else(|| self.exact(provider, &full))
                    .or_else(|| self.pattern(provider, &full))
            }
            _ => self.exact(provider, scope).or_else(|| self.pattern(provider, scope)),
        }
    }

    fn exact(&self, provider: Provider, scope: &str) -> Option<Rank> {
        self.exact.get(&provider)?.get(scope).copied()
    }

    fn pattern(&self, provider: Provider, scope: &str) -> Option<Rank> {
        let mut rows = self.patterns.iter().filter(|(whose, _, _)| *whose == provider);
        rows.find(|(_, pattern, _)| matches(pattern, scope)).map(|(_, _, rank)| *rank)
    }
}

/// A Microsoft permission without its resource: `https://graph.microsoft.com/Mail.Read` is `Mail.Read`.
fn bare_permission(scope: &str) -> &str {
    if scope.contains("://") { scope.rsplit('/').next().unwrap_or(scope) } else { scope }
}

/// Does the text match, where each `*` stands for any run of characters?
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, is_match) in [
            ("a*", "abc", true),
            ("*.Read.All", "Thing.Read.All", true),
            ("*.Read.All", "Thing.ReadWrite.All", false),
            ("okta.*.manage", "okta.users.manage", true),
            ("okta.*.manage", "okta.users.read", false),
            ("*Access*", "EWS.AccessAsUser.All", true),
            ("plain", "plain", true),
            ("plain", "plainer", false),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }
}
