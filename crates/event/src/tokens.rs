//! Sets of bare tokens (OAuth scopes, resource ids) as one borrowed text.

/// Distinct tokens, sorted by bytes, joined by single spaces: the form of OAuth's own `scope` parameter (RFC 6749, section 3.3).
///
/// One text and not a list, because it travels, is interned and is stored as one dictionary entry: a tenant has few distinct sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    /// No token.
    pub const EMPTY: Tokens<'static> = Tokens("");

    /// Wraps a text that is already in the canonical form (from the log, for one).
    #[must_use]
    pub const fn from_canonical(text: &'a str) -> Tokens<'a> {
        Tokens(text)
    }

    /// The canonical text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The tokens in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> + Clone {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// Is there none?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Is this exact token in the set? Never a prefix: `Mail.Read` is not `Mail.ReadBasic`.
    #[must_use]
    pub fn contains(self, token: &str) -> bool {
        self.iter().any(|each| each == token)
    }

    /// The canonical text of any tokens: split at white space, empty ones left out, sorted, distinct.
    #[must_use]
    pub fn canonical<'t>(tokens: impl IntoIterator<Item = &'t str>) -> String {
        let mut parts: Vec<&str> = tokens.into_iter().flat_map(str::split_whitespace).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_is_split_sorted_and_distinct() {
        let text = Tokens::canonical([" openid  email", "Mail.Read", "email"]);
        assert_eq!(text, "Mail.Read email openid");
        assert_eq!(Tokens::from_canonical(&text).iter().count(), 3);
    }

    #[test]
    fn a_token_is_matched_whole() {
        let set = Tokens::from_canonical("Mail.ReadBasic openid");
        assert!(!set.contains("Mail.Read"));
        assert!(set.contains("openid"));
        assert!(Tokens::EMPTY.iter().next().is_none());
    }
}
