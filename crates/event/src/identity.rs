//! The one place where a pseudonym meets a name.

use crate::{Source, Timestamp, UserKey};

/// Who a `user_key` is. Restricted: only `reveal` reads it, and erasure deletes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The tenant.
    pub tenant: String,
    /// The pseudonym.
    pub user_key: UserKey,
    /// The source that told.
    pub source: Source,
    /// The source's own id of the person.
    pub native_id: String,
    /// E-mail, lower case; empty when not told.
    pub email: String,
    /// Name as displayed; empty when not told.
    pub display_name: String,
    /// When we first heard it.
    pub seen_at: Timestamp,
}

/// Prints the pseudonym and nothing else: names never reach a log.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({}, ***)", self.user_key)
    }
}
