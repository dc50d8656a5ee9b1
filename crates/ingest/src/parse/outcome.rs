//! What becomes of one native event.

use event::{Event, RejectReason, UserKey};

/// The one end of a native event.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// It means something to us; with it, who the people in it are.
    Event(&'a Event<'a>, &'a [IdentityRef<'a>]),
    /// It is well-formed and of a type that says nothing about apps.
    Ignored {
        /// The type, as delivered.
        native_type: &'a str,
    },
    /// It cannot be used.
    Rejected {
        /// Why.
        reason: RejectReason,
        /// What exactly: field names and positions, nothing of the content.
        detail: String,
    },
}

/// Who is behind a pseudonym, borrowed from the delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityRef<'a> {
    /// The pseudonym.
    pub user_key: UserKey,
    /// The provider's own id; empty when not told.
    pub native_id: &'a str,
    /// The e-mail address as delivered; empty when not told.
    pub email: &'a str,
    /// Name as displayed, or the login where there is no other; empty when not told.
    pub display_name: &'a str,
}

/// Prints the pseudonym and nothing else: names never reach a log.
impl std::fmt::Debug for IdentityRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IdentityRef({}, ***)", self.user_key)
    }
}
