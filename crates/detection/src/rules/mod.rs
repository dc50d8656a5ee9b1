//! The catalogue of rules. A new rule is one file here and one line in `RULES`; the engine, the documents and the tests hang on it.
//!
//! A rule says two things: *when* an episode opens, and with which value (`opens`), and *how* people are told (`tell`). The value is what
//! makes an episode another one: a set of scopes, a threshold, a department; never an ordinal. So the order of arrival does not change
//! which episodes there are. N2 is the one exception: who comes second depends on who came first.

mod c1;
mod c2;
mod c4;
mod l2;
mod n1;
mod n2;
mod n4;
mod r1;
mod r2;

use event::{Fact, Severity};

use crate::{draft::Draft, sight::Sight};

/// Which question a rule belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// What is new, and what grows.
    NewApp,
    /// What was granted.
    Consent,
    /// What the app claims to be.
    Identity,
    /// What a person does.
    People,
}

impl Lane {
    /// Are the provider's own apps exempt? They are in everybody's hands from the first day and ask for everything; but a rogue id or a
    /// forbidden app stays what it is.
    #[must_use]
    pub const fn exempts_first_party(self) -> bool {
        matches!(self, Lane::NewApp | Lane::Consent)
    }
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id, for ever.
    pub id: &'static str,
    /// What it tells, in a few words.
    pub title: &'static str,
    /// How loud it usually is; the factors of each alert decide.
    pub severity: Severity,
    /// Grows with each change of what fires. No part of an alert's id.
    pub version: u16,
    /// What it looks for, and why.
    pub description: &'static str,
    /// When it fires and nothing is wrong; and when it stays silent on purpose.
    pub false_positives: &'static str,
    /// MITRE ATT&CK technique; empty when none fits.
    pub technique: &'static str,
    /// Where the idea comes from.
    pub source_of_idea: &'static str,
    /// Which question it belongs to.
    pub lane: Lane,
    /// What some source must tell, one of these, or the rule can never fire.
    pub needs: &'static [Fact],
    /// Is it only recorded while a connection is learning, and for imported history?
    pub is_muted_while_learning: bool,
    /// Does this event open an episode? Writes the episode's value.
    pub opens: fn(&Sight<'_>, &mut String) -> bool,
    /// Says what people are told.
    pub tell: fn(&Sight<'_>, &mut Draft),
}

/// Every rule, in the order in which one event's alerts come out.
pub const RULES: &[Rule] = &[n1::RULE, n2::RULE, n4::RULE, c1::RULE, c2::RULE, c4::RULE, r1::RULE, r2::RULE, l2::RULE];

/// What shows that an app is met at all.
const SEEN: &[Fact] = &[Fact::SignOn, Fact::TokenUse, Fact::Grant];

/// The episode of a set of scopes: the dangerous ones, sorted, so that the same danger asked for in another order is no other episode.
fn scopes_episode(sight: &Sight<'_>, episode: &mut String) {
    let mut last: Option<&str> = None;
    // The smallest one that is greater than the last: sorted and distinct without a list, for the sets are short and this must not allocate.
    while let Some(next) = sight
        .enriched
        .grant_risk
        .top_scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| last.is_none_or(|last| *scope > last))
        .min()
    {
        if last.is_some() {
            episode.push(' ');
        }
        episode.push_str(next);
        last = Some(next);
    }
}

/// What would have kept a dangerous consent from being given.
const CONSENT_PREVENTION: &str = "Let people consent only to low-risk permissions of verified publishers, and give them a quick way to ask \
     for the rest (Entra: user consent settings with admin consent workflow; Google: API controls; Okta: app access requests).";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_id_and_explains_itself() {
        for (place, rule) in RULES.iter().enumerate() {
            assert!(RULES.iter().skip(place + 1).all(|other| other.id != rule.id), "{} twice", rule.id);
            assert!(!rule.title.is_empty());
            for text in [rule.description, rule.false_positives, rule.source_of_idea] {
                assert!(text.len() > 10, "{} says too little: {text:?}", rule.id);
            }
            assert!(rule.version > 0);
            assert!(!rule.needs.is_empty(), "{} would be said to work with any source", rule.id);
            let is_technique = |text: &str| text.strip_prefix('T').is_some_and(|rest| rest.len() >= 4);
            assert!(rule.technique.is_empty() || is_technique(rule.technique), "{}", rule.id);
        }
    }
}
