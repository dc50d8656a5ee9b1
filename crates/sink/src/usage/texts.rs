//! Texts by number, so that keys are small.

use hashbrown::HashMap;

/// The texts that are known. The empty one, which is the rule for departments, is 0 and never looked up: comparing no bytes is
/// not free (see `Dictionary` of `store`).
pub(super) struct Texts {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts { numbers: HashMap::new(), texts: vec![String::new()] }
    }
}

impl Texts {
    /// Texts that are remembered from batch to batch; beyond it all are forgotten at the end of a batch.
    pub(super) const KEPT_MAX: usize = 100_000;

    /// The number of a text, given when it is met first.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|index| self.texts.get(index)).map_or("", String::as_str)
    }

    /// Is this the text of that number?
    pub(super) fn is(&self, number: u32, text: &str) -> bool {
        let known = self.text(number);
        known.len() == text.len() && (known.is_empty() || known == text)
    }

    /// How many there are, the empty one included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Forgets all where there are too many. Only called when nobody holds a number any more.
    pub(super) fn forget_if_large(&mut self) {
        if self.texts.len() > Texts::KEPT_MAX {
            *self = Texts::default();
        }
    }
}
