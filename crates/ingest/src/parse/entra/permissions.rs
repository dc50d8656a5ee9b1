//! The grammar of `ConsentAction.Permissions`.
//!
//! ```text
//! value  := before "=>" after ";"         before, after := "[]" | "[[" entry "], [" entry … "]]"
//! entry  := Id: <b64>, ClientId: <guid>, PrincipalId: <guid or nothing>, ResourceId: <guid>, ConsentType: <type>,
//!           Scope: <tokens>[, CreatedDateTime: …][, LastModifiedDateTime …]
//! ```
//! Read leniently, by key: the keys that follow `Scope` differ from year to year, and one of them has lost its colon.

use std::collections::BTreeSet;

use crate::parse::fields::LIST_LENGTH_MAX;

/// One grant: what an app may do on one resource, for one person or for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) id: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) consent_type: &'a str,
    pub(crate) scope: &'a str,
}

/// What a consent changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    /// The grants that are new or hold other scopes than before.
    pub(crate) changed: Vec<Entry<'a>>,
    /// Tokens that some grant holds and did not before.
    pub(crate) added: BTreeSet<&'a str>,
    /// Tokens that some grant held and does not any more.
    pub(crate) removed: BTreeSet<&'a str>,
}

/// Reads a value; `None` when there is text and no grant in it.
pub(crate) fn read(text: &str) -> Option<Change<'_>> {
    let (before_text, after_text) = text.split_once("=>").unwrap_or(("", text));
    let (before, after) = (entries(before_text), entries(after_text));
    if before.is_empty() && after.is_empty() {
        let is_empty = text.chars().all(|c| matches!(c, '[' | ']' | '=' | '>' | ';' | '"') || c.is_whitespace());
        return is_empty.then(Change::default);
    }
    let mut change = Change::default();
    for entry in &after {
        let held =
            before.iter().find(|held| is_same_grant(held, entry)).map_or(BTreeSet::new(), |held| tokens(held.scope));
        let holds = tokens(entry.scope);
        if held != holds {
            change.changed.push(*entry);
            change.added.extend(holds.difference(&held));
            change.removed.extend(held.difference(&holds));
        }
    }
    for gone in before.iter().filter(|held| !after.iter().any(|entry| is_same_grant(held, entry))) {
        change.removed.extend(tokens(gone.scope));
    }
    Some(change)
}

/// The distinct tokens of a scope text.
pub(crate) fn tokens(scope: &str) -> BTreeSet<&str> {
    scope.split_whitespace().collect()
}

fn is_same_grant(one: &Entry<'_>, other: &Entry<'_>) -> bool {
    if one.id.is_empty() || other.id.is_empty() { one.resource == other.resource } else { one.id == other.id }
}

/// The entries of one side: what stands between a last `[` and a `]`.
fn entries(side: &str) -> Vec<Entry<'_>> {
    let inner = side.split(']').map(|part| part.rsplit_once('[').map_or(part, |(_, inner)| inner));
    inner.filter_map(entry).take(LIST_LENGTH_MAX).collect()
}

fn entry(text: &str) -> Option<Entry<'_>> {
    let mut entry = Entry::default();
    let mut is_found = false;
    for (key, value) in text.split(',').filter_map(|member| member.split_once(':')) {
        let value = value.trim();
        match key.trim() {
            "Id" => entry.id = value,
            "ResourceId" => entry.resource = value,
            "ConsentType" => entry.consent_type = value,
            "Scope" => entry.scope = value,
            _ => continue,
        }
        is_found = true;
    }
    is_found.then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &str = "Id: a1-_, ClientId: c, PrincipalId: , ResourceId: r1, ConsentType: AllPrincipals, Scope:  Files.Read User.Read, \
                         CreatedDateTime: , LastModifiedDateTime ";
    const MAIL: &str = "Id: b2, ClientId: c, PrincipalId: p, ResourceId: r2, ConsentType: Principal, Scope: Mail.Read";

    fn set<'a>(tokens: &[&'a str]) -> BTreeSet<&'a str> {
        tokens.iter().copied().collect()
    }

    #[test]
    fn a_first_consent_adds_everything() {
        let text = format!("[] => [[{FILES}], [{MAIL}]]; ");
        let change = read(&text).unwrap();
        assert_eq!(change.changed.iter().map(|entry| entry.resource).collect::<Vec<_>>(), ["r1", "r2"]);
        assert_eq!(change.changed[0].consent_type, "AllPrincipals");
        assert_eq!(change.added, set(&["Files.Read", "User.Read", "Mail.Read"]));
        assert!(change.removed.is_empty());
    }

    #[test]
    fn grants_that_did_not_change_are_left_out() {
        let wider = MAIL.replace("Mail.Read", "Mail.Send Mail.Read");
        let text = format!("\"[[{FILES}], [{MAIL}]] => [[{FILES}], [{wider}]]; \"");
        let change = read(&text).unwrap();
        assert_eq!(change.changed.len(), 1);
        assert_eq!((change.added, change.removed), (set(&["Mail.Send"]), set(&[])));
    }

    #[test]
    fn what_is_gone_is_removed() {
        let text = format!("[[{FILES}], [{MAIL}]] => [[{FILES}]]; ");
        let change = read(&text).unwrap();
        assert!(change.changed.is_empty() && change.added.is_empty());
        assert_eq!(change.removed, set(&["Mail.Read"]));
    }

    #[test]
    fn nothing_is_a_change_and_nonsense_is_none() {
        assert_eq!(read("[] => []; "), Some(Change::default()));
        assert_eq!(read(""), Some(Change::default()));
        assert_eq!(read("a sentence"), None);
    }
}
