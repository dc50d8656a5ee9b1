//! The names of the catalogue's apps, indexed by how they are written and by how they look.

use std::collections::{HashMap, hash_map::Entry};

use crate::name::{candidates, compact, domain, skeletons, words_of};

/// Letters that a name needs before mere resemblance counts. Below that, too many words look like too many others.
const CONFUSABLE_LETTERS_MIN: usize = 4;
/// Letters that a single word inside a longer name needs before its resemblance to a one-word name counts.
const WORD_LETTERS_MIN: usize = 5;

/// Names to apps, by their place in the catalogue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    by_name: HashMap<String, usize>,
    by_domain: HashMap<String, usize>,
    by_skeleton: HashMap<String, usize>,
}

impl Names {
    /// Adds a name; says which app holds it already when that is another one, and keeps it.
    pub(crate) fn add_name(&mut self, name: &str, app: usize) -> Result<(), usize> {
        let key = compact(name);
        if key.is_empty() {
            return Ok(());
        }
        claim(&mut self.by_name, key, app)?;
        let [skeleton, _] = skeletons(name);
        if skeleton.chars().count() >= CONFUSABLE_LETTERS_MIN {
            self.by_skeleton.entry(skeleton).or_insert(app);
        }
        Ok(())
    }

    /// Adds a domain; says which app holds it already when that is another one, and keeps it.
    pub(crate) fn add_domain(&mut self, domain: &str, app: usize) -> Result<(), usize> {
        claim(&mut self.by_domain, domain.to_owned(), app)
    }

    /// The app of that very name, its decorations aside, or of that domain.
    pub(crate) fn exact(&self, name: &str) -> Option<usize> {
        let by_name = || candidates(name).iter().find_map(|form| self.by_name.get(form).copied());
        domain(name).and_then(|domain| self.of_domain(&domain)).or_else(by_name)
    }

    /// The app of that domain; nothing where it is a name and no domain.
    pub(crate) fn domain(&self, text: &str) -> Option<usize> {
        self.of_domain(&domain(text)?)
    }

    /// The app that holds a domain or one above it: `acme.slack.com` is `slack.com`.
    fn of_domain(&self, domain: &str) -> Option<usize> {
        let mut rest = domain;
        loop {
            if let Some(app) = self.by_domain.get(rest) {
                return Some(*app);
            }
            (_, rest) = rest.split_once('.')?;
        }
    }

    /// The app whose name this one only looks like. Ask `exact` first: a genuine name looks like itself.
    pub(crate) fn confusable(&self, name: &str) -> Option<usize> {
        let whole = skeletons(name).iter().find_map(|form| self.by_skeleton.get(form).copied());
        whole
            .or_else(|| {
                let forms = candidates(name);
                forms.iter().find_map(|form| self.by_skeleton.get(skeletons(form).first()?).copied())
            })
            .or_else(|| self.confusable_word(name))
    }

    /// `Rnicrosoft account team`: one word of the name looks like a well-known name and is not it. A word that *is* a well-known name
    /// proves nothing: `Export for Slack` says what it works with.
    fn confusable_word(&self, name: &str) -> Option<usize> {
        let words = words_of(name);
        words.iter().filter(|word| word.chars().count() >= WORD_LETTERS_MIN).find_map(|word| {
            if self.by_name.contains_key(word) {
                return None;
            }
            skeletons(word).iter().find_map(|form| self.by_skeleton.get(form).copied())
        })
    }
}

/// Gives a key to an app, unless another one holds it.
fn claim(held: &mut HashMap<String, usize>, key: String, app: usize) -> Result<(), usize> {
    match held.entry(key) {
        Entry::Occupied(other) if *other.get() != app => Err(*other.get()),
        Entry::Occupied(_) => Ok(()),
        Entry::Vacant(free) => {
            free.insert(app);
            Ok(())
        }
    }
}
