//! The providers' own apps: exempt from the new-app, consent and usage lanes, and recognised by what no attacker can choose.
//!
//! Microsoft's are some four thousand GUIDs: sorted numbers and a binary search, because a set of strings would be ten times as large.
//! Okta's own apps have an id that differs from org to org, so they are known by the label of the app instance, which only an
//! administrator of the org can set, or by the `okta.` that begins the ids of Okta's own clients.

use std::collections::HashMap;

use event::{AppIdKind, AppRef, Source};

use crate::{
    CatalogueError,
    name::compact,
    tsv::{self, Line},
};

const MICROSOFT_FILE: &str = "microsoft_first_party.tsv";
const OTHERS_FILE: &str = "first_party.tsv";
/// Who makes the apps of `microsoft_first_party.tsv`.
const MICROSOFT: &str = "Microsoft";

/// What is compared whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Match {
    ClientId,
    Label,
}

/// The providers' own apps.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstParty {
    microsoft: Vec<u128>,
    exact: HashMap<(Source, Match, String), String>,
    prefixes: Vec<(Source, String, String)>,
}

impl FirstParty {
    /// Reads both files.
    pub(crate) fn parse(microsoft: &str, others: &str) -> Result<FirstParty, CatalogueError> {
        let mut table = FirstParty::default();
        for line in tsv::lines(MICROSOFT_FILE, microsoft)? {
            let id = guid(line.value()).ok_or_else(|| line.error("is not a GUID"))?;
            if id == 0 {
                return Err(line.error("the all-zero GUID is never an app"));
            }
            table.microsoft.push(id);
        }
        table.microsoft.sort_unstable();
        table.microsoft.dedup();
        for line in tsv::lines(OTHERS_FILE, others)? {
            table.add(&line)?;
        }
        Ok(table)
    }

    fn add(&mut self, line: &Line<'_>) -> Result<(), CatalogueError> {
        let [source, how, value, publisher] = line.columns()?;
        let source = Source::parse(source).ok_or_else(|| line.error(format!("unknown source `{source}`")))?;
        if value.is_empty() || publisher.is_empty() {
            return Err(line.error("value or publisher is missing"));
        }
        let publisher = publisher.to_owned();
        match how {
            "client_id" => self.exact.insert((source, Match::ClientId, value.to_owned()), publisher),
            "label" => self.exact.insert((source, Match::Label, compact(value)), publisher),
            "client_id_prefix" => {
                self.prefixes.push((source, value.to_owned(), publisher));
                None
            }
            _ => return Err(line.error(format!("unknown match `{how}`; one of client_id, client_id_prefix, label"))),
        };
        Ok(())
    }

    /// Who makes this app, if it is the provider's own.
    pub(crate) fn publisher(&self, app: &AppRef<'_>, label: Option<&str>) -> Option<&str> {
        if let Some(label) = label
            && let Some(publisher) = self.exact.get(&(app.source, Match::Label, compact(label)))
        {
            return Some(publisher);
        }
        if app.source.issuer() == Source::Entra {
            let is_microsoft = app.id_kind == AppIdKind::ClientId
                && guid(app.id).is_some_and(|id| self.microsoft.binary_search(&id).is_ok());
            return is_microsoft.then_some(MICROSOFT);
        }
        if !matches!(app.id_kind, AppIdKind::ClientId | AppIdKind::AppId) {
            return None;
        }
        let by_prefix = || {
            let found =
                self.prefixes.iter().find(|(source, prefix, _)| *source == app.source && app.id.starts_with(prefix));
            found.map(|(_, _, publisher)| publisher)
        };
        self.exact.get(&(app.source, Match::ClientId, app.id.to_owned())).or_else(by_prefix).map(String::as_str)
    }

    /// How many of Microsoft's ids are known.
    pub(crate) fn microsoft_len(&self) -> usize {
        self.microsoft.len()
    }
}

/// Reads a GUID of 32 hexadecimal digits in five groups; upper and lower case are the same.
pub(crate) fn guid(text: &str) -> Option<u128> {
    let is_dash = |index: usize| matches!(index, 8 | 13 | 18 | 23);
    let has_form = text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(index, byte)| if is_dash(index) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    if !has_form {
        return None;
    }
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    u128::from_str_radix(&digits, 16).ok()
}
