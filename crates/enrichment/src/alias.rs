//! Which apps are one: merges and splits, as control records say.
//!
//! A merge is a pointer from one key to another, so that a split is its removal and nothing has to be computed back. Chains are followed
//! when they are read. A merge that would close a circle is refused: the app would have no key at all.
//!
//! Of each key the latest record counts, in whatever order records come: whoever wrote one knows it before it is read, and meets it again.

use std::collections::HashMap;

use event::{Alias, AliasAction, Position};

/// Merges in force that one tenant may have. They are made by people, one at a time.
pub(crate) const ALIASES_MAX: usize = 100_000;

/// The merges in force.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    /// By the key that goes under. A split stays here too, so that an older merge does not come back.
    latest: HashMap<String, Latest>,
}

/// The latest record about a key.
#[derive(Clone, Debug)]
struct Latest {
    position: Position,
    alias: Alias,
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
    /// Applies one record. One that is older than what is known about its key changes nothing.
    ///
    /// # Errors
    /// Why it was refused; the aliases are as before then.
    pub fn apply(&mut self, alias: &Alias, position: Position) -> Result<(), AliasRefused> {
        let from = &alias.from_app_key;
        if self.latest.get(from).is_some_and(|latest| latest.position >= position) {
            return Ok(());
        }
        self.check(alias)?;
        if self.latest.len() >= ALIASES_MAX && !self.latest.contains_key(from) {
            self.latest.retain(|_, latest| latest.alias.action == AliasAction::Merge);
        }
        self.latest.insert(from.clone(), Latest { position, alias: alias.clone() });
        Ok(())
    }

    /// Would this record, as the next one, be applied?
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn check(&self, alias: &Alias) -> Result<(), AliasRefused> {
        let (from, to) = (alias.from_app_key.as_str(), alias.to_app_key.as_str());
        match alias.action {
            AliasAction::Merge if self.chain(to).any(|key| key == from) => Err(AliasRefused::Circle),
            AliasAction::Merge if self.is_full() && self.target(from).is_none() => Err(AliasRefused::TooMany),
            AliasAction::Split if self.target(from) != Some(to) => Err(AliasRefused::NoSuchMerge),
            AliasAction::Merge | AliasAction::Split => Ok(()),
        }
    }

    /// The merges in force, in no order.
    pub fn in_force(&self) -> impl Iterator<Item = &Alias> {
        self.latest.values().map(|latest| &latest.alias).filter(|alias| alias.action == AliasAction::Merge)
    }

    fn is_full(&self) -> bool {
        self.latest.len() >= ALIASES_MAX && self.in_force().count() >= ALIASES_MAX
    }

    fn target(&self, app_key: &str) -> Option<&str> {
        let alias = &self.latest.get(app_key)?.alias;
        (alias.action == AliasAction::Merge).then_some(alias.to_app_key.as_str())
    }

    /// The key that an app goes by: the end of its chain.
    #[must_use]
    pub fn canonical<'a>(&'a self, app_key: &'a str) -> &'a str {
        self.chain(app_key).last().unwrap_or(app_key)
    }

    /// Every key that goes by this canonical one, itself among them, in order.
    #[must_use]
    pub fn members<'a>(&'a self, canonical: &'a str) -> Vec<&'a str> {
        let merged = self.in_force().map(|alias| alias.from_app_key.as_str());
        let merged = merged.filter(|key| self.canonical(key) == canonical);
        let mut members: Vec<&str> = merged.chain(std::iter::once(canonical)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// The key and what it was merged into, step by step. Merging refuses circles, so this ends.
    fn chain<'a>(&'a self, app_key: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::successors(Some(app_key), |key| self.target(key))
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

    fn at(offset: u64) -> Position {
        Position { offset, index: 0 }
    }

    #[test]
    fn chains_are_followed_and_a_split_undoes_its_merge() {
        let mut aliases = Aliases::default();
        for (offset, from, to) in [(1, "a", "b"), (2, "b", "c")] {
            aliases.apply(&alias(AliasAction::Merge, from, to), at(offset)).unwrap();
        }
        assert_eq!(aliases.canonical("a"), "c");
        assert_eq!(aliases.members("c"), ["a", "b", "c"]);
        aliases.apply(&alias(AliasAction::Split, "b", "c"), at(3)).unwrap();
        assert_eq!((aliases.canonical("a"), aliases.canonical("b")), ("b", "b"));
        assert_eq!(aliases.in_force().map(|alias| alias.from_app_key.as_str()).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn of_a_key_the_latest_record_counts_in_whatever_order_records_come() {
        let records =
            [(1, AliasAction::Merge, "a", "b"), (2, AliasAction::Split, "a", "b"), (3, AliasAction::Merge, "a", "c")];
        for known in 1..=records.len() {
            let mut aliases = Aliases::default();
            // What was written here is known first, and then read again from the beginning.
            for (offset, action, from, to) in records.iter().take(known).chain(&records) {
                aliases.apply(&alias(*action, from, to), at(*offset)).unwrap();
            }
            assert_eq!(aliases.canonical("a"), "c");
        }
        let mut aliases = Aliases::default();
        aliases.apply(&alias(AliasAction::Merge, "a", "b"), at(1)).unwrap();
        aliases.apply(&alias(AliasAction::Split, "a", "b"), at(2)).unwrap();
        aliases.apply(&alias(AliasAction::Merge, "a", "b"), at(1)).unwrap();
        assert_eq!(aliases.canonical("a"), "a", "an older merge does not come back");
    }

    #[test]
    fn a_merge_that_closes_a_circle_is_refused() {
        let mut aliases = Aliases::default();
        for (offset, from, to) in [(1, "a", "b"), (2, "b", "c")] {
            aliases.apply(&alias(AliasAction::Merge, from, to), at(offset)).unwrap();
        }
        for (from, to) in [("c", "a"), ("c", "b"), ("a", "a"), ("b", "a")] {
            assert_eq!(
                aliases.apply(&alias(AliasAction::Merge, from, to), at(3)),
                Err(AliasRefused::Circle),
                "{from} {to}"
            );
        }
        assert_eq!(aliases.apply(&alias(AliasAction::Split, "a", "c"), at(4)), Err(AliasRefused::NoSuchMerge));
        assert_eq!(aliases.canonical("a"), "c");
    }

    #[test]
    fn there_is_a_limit_to_the_merges_in_force() {
        let mut aliases = Aliases::default();
        for number in 0..ALIASES_MAX {
            aliases.apply(&alias(AliasAction::Merge, &number.to_string(), "x"), at(1)).unwrap();
        }
        let one_more = alias(AliasAction::Merge, "one", "x");
        assert_eq!(aliases.apply(&one_more, at(2)), Err(AliasRefused::TooMany));
        assert_eq!(aliases.apply(&alias(AliasAction::Merge, "1", "y"), at(3)), Ok(()));
        aliases.apply(&alias(AliasAction::Split, "2", "x"), at(4)).unwrap();
        assert_eq!(aliases.apply(&one_more, at(5)), Ok(()));
        assert_eq!(aliases.latest.len(), ALIASES_MAX, "what was split made room");
    }
}
