//! A TOML table whose every key and value knows its line: what makes an error of a mapping point at its place.
//!
//! Not derived: `deny_unknown_fields` knows a line, but no section of free keys, and a mapping consists of those.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::MappingError;

/// The file that is read.
#[derive(Clone, Copy)]
pub(super) struct File<'f> {
    pub(super) name: &'f str,
    pub(super) text: &'f str,
}

impl File<'_> {
    /// An error at a byte of the file.
    pub(super) fn error(&self, at: usize, key: &str, problem: impl Into<String>) -> MappingError {
        let before = self.text.get(..at.min(self.text.len())).unwrap_or_default();
        MappingError {
            file: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
            key: key.to_owned(),
            problem: problem.into(),
        }
    }
}

/// A section of the file.
#[derive(Clone, Copy)]
pub(super) struct Section<'f, 't> {
    file: File<'f>,
    /// What stands before its keys in errors: `kind.`.
    prefix: &'static str,
    /// Where it begins.
    at: usize,
    table: &'t DeTable<'f>,
}

/// One key of a section.
#[derive(Clone, Copy)]
pub(super) struct Entry<'f, 't> {
    file: File<'f>,
    prefix: &'static str,
    pub(super) key: &'t str,
    key_span: (usize, usize),
    value: &'t Spanned<DeValue<'f>>,
}

impl<'f, 't> Section<'f, 't> {
    /// The whole file.
    pub(super) const fn root(file: File<'f>, table: &'t DeTable<'f>) -> Section<'f, 't> {
        Section { file, prefix: "", at: 0, table }
    }

    /// Its keys, in the order of the file.
    pub(super) fn entries(&self) -> Vec<Entry<'f, 't>> {
        let mut entries: Vec<_> = self.table.iter().map(|(key, value)| self.entry(key, value)).collect();
        entries.sort_unstable_by_key(|entry| entry.key_span);
        entries
    }

    fn entry(&self, key: &'t Spanned<DeString<'f>>, value: &'t Spanned<DeValue<'f>>) -> Entry<'f, 't> {
        let Range { start, end } = key.span();
        Entry { file: self.file, prefix: self.prefix, key: key.get_ref(), key_span: (start, end), value }
    }

    /// The entry of a key.
    pub(super) fn get(&self, key: &str) -> Option<Entry<'f, 't>> {
        self.table.iter().find(|(known, _)| known.get_ref() == key).map(|(key, value)| self.entry(key, value))
    }

    /// The entry of a key that must be there.
    pub(super) fn must(&self, key: &str, why: &str) -> Result<Entry<'f, 't>, MappingError> {
        self.get(key).ok_or_else(|| self.error(key, format!("is missing; {why}")))
    }

    /// Refuses every key but these.
    pub(super) fn only(&self, keys: &[&str]) -> Result<(), MappingError> {
        match self.entries().iter().find(|entry| !keys.contains(&entry.key)) {
            Some(entry) => Err(entry.error(format!("is no key here; one of {}", keys.join(", ")))),
            None => Ok(()),
        }
    }

    /// An error about a key that is not there.
    pub(super) fn error(&self, key: &str, problem: impl Into<String>) -> MappingError {
        self.file.error(self.at, &format!("{}{key}", self.prefix), problem)
    }
}

impl<'f, 't> Entry<'f, 't> {
    /// An error about this key.
    pub(super) fn error(&self, problem: impl Into<String>) -> MappingError {
        self.file.error(self.key_span.0, &format!("{}{}", self.prefix, self.key), problem)
    }

    /// Its text.
    pub(super) fn text(&self) -> Result<&'t str, MappingError> {
        let text = self.value.get_ref().as_str().ok_or_else(|| self.error("is no text in quotes"))?;
        if text.is_empty() { Err(self.error("is empty")) } else { Ok(text) }
    }

    /// Its texts: a list of them, or a single one.
    pub(super) fn texts(&self) -> Result<Vec<&'t str>, MappingError> {
        let Some(list) = self.value.get_ref().as_array() else { return Ok(vec![self.text()?]) };
        let texts: Option<Vec<&str>> = list.iter().map(|item| item.get_ref().as_str()).collect();
        match texts {
            Some(texts) if !texts.is_empty() && texts.iter().all(|text| !text.is_empty()) => Ok(texts),
            _ => Err(self.error("is neither a text in quotes nor a list of such")),
        }
    }

    /// The section that it is. `prefix`: what errors write before its keys.
    pub(super) fn section(&self, prefix: &'static str) -> Result<Section<'f, 't>, MappingError> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.error("is no section"))?;
        Ok(Section { file: self.file, prefix, at: self.key_span.0, table })
    }

    /// Is it a section?
    pub(super) fn is_section(&self) -> bool {
        self.value.get_ref().is_table()
    }
}
