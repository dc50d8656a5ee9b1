//! Which apps are one: merges and splits, as control records say.
//!
//! A merge is a pointer from one key to another, so that a split is its removal and nothing has to be computed back. Chains are followed
//! when they are read. A merge that would close a circle is refused: the app would have no key at all.

use std::collections::HashMap;

use event::{Alias, AliasAction};

/// Merges in force that one tenant may have. They are made by people, one at a time.
pub(crate) const ALIASES_MAX: usize = 100_000;

/// The merges in force.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    to: HashMap<String, String>,
}

/// Why an alias record changed nothing. It stays in the log as what somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasRefused {
    /// The merge would make an app part of itself.
    #[error("merging would make the app part of itself; split the other way round first")]
    Circle,
    /// There is no such merge to undo.
    #[error("there is no such merge to undo")]
    NoSuchMerge,
    /// Too many merges are in force.
    #[error("more than {ALIASES_MAX} merges are in force; split some first")]
    TooMany,
}

impl Aliases {
    /// Applies one record.
    ///
    /// # Errors
    /// Why it was refused; the aliases are as before then.
    pub fn apply(&mut self, alias: &Alias) -> Result<(), AliasRefused> {
        let (from, to) = (alias.from_app_key.as_str(), alias.to_app_key.as_str());
        match alias.action {
            AliasAction::Merge => {
                if self.canonical(to) == from || self.chain(to).any(|key| key == from) {
                    return Err(AliasRefused::Circle);
                }
                if self.to.len() >= ALIASES_MAX && !self.to.contains_key(from) {
                    return Err(AliasRefused::TooMany);
                }
                self.to.insert(from.to_owned(), to.to_owned());
            }
            AliasAction::Split => {
                if self.to.get(from).is_none_or(|target| target != to) {
                    return Err(AliasRefused::NoSuchMerge);
                }
                self.to.remove(from);
            }
        }
        Ok(())
    }

    /// The key that an app goes by: the end of its chain.
    #[must_use]
    pub fn canonical<'a>(&'a self, app_key: &'a str) -> &'a str {
        self.chain(app_key).last().unwrap_or(app_key)
    }

    /// Every key that goes by this canonical one, itself among them, in order.
    #[must_use]
    pub fn members<'a>(&'a self, canonical: &'a str) -> Vec<&'a str> {
        let merged = self.to.keys().map(String::as_str).filter(|key| self.canonical(key) == canonical);
        let mut members: Vec<&str> = merged.chain(std::iter::once(canonical)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// The key and what it was merged into, step by step. Merging refuses circles, so this ends.
    fn chain<'a>(&'a self, app_key: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(app_key), |key| self.to.get(*key).map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use event::Timestamp;

    use super::*;

    fn alias(action: AliasAction, from: &str, to: &str) -> Alias {
        Alias {
            action,
            from_app_key: from.to_owned(),
            to_app_key: to.to_owned(),
            reason: String::new(),
            decided_by: String::new(),
            decided_at: Timestamp::MISSING,
        }
    }

    #[test]
    fn chains_are_followed_and_a_split_undoes_its_merge() {
        let mut aliases = Aliases::default();
        for (from, to) in [("a", "b"), ("b", "c")] {
            aliases.apply(&alias(AliasAction::Merge, from, to)).unwrap();
        }
        assert_eq!(aliases.canonical("a"), "c");
        assert_eq!(aliases.members("c"), ["a", "b", "c"]);
        aliases.apply(&alias(AliasAction::Split, "b", "c")).unwrap();
        assert_eq!((aliases.canonical("a"), aliases.canonical("b")), ("b", "b"));
    }

    #[test]
    fn a_merge_that_closes_a_circle_is_refused() {
        let mut aliases = Aliases::default();
        for (from, to) in [("a", "b"), ("b", "c")] {
            aliases.apply(&alias(AliasAction::Merge, from, to)).unwrap();
        }
        for (from, to) in [("c", "a"), ("c", "b"), ("a", "a"), ("b", "a")] {
            assert_eq!(aliases.apply(&alias(AliasAction::Merge, from, to)), Err(AliasRefused::Circle), "{from} {to}");
        }
        assert_eq!(aliases.apply(&alias(AliasAction::Split, "a", "c")), Err(AliasRefused::NoSuchMerge));
        assert_eq!(aliases.canonical("a"), "c");
    }

    #[test]
    fn there_is_a_limit_to_the_merges_in_force() {
        let mut aliases = Aliases { to: (0..ALIASES_MAX).map(|i| (i.to_string(), "x".to_owned())).collect() };
        assert_eq!(aliases.apply(&alias(AliasAction::Merge, "one", "x")), Err(AliasRefused::TooMany));
        assert_eq!(aliases.apply(&alias(AliasAction::Merge, "1", "y")), Ok(()));
    }
}
