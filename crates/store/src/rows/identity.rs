//! The row of `identities`, the one table in which a pseudonym meets a name. Rows have no `Debug`: names never reach a log.

use super::{REPEATED, TIME};
use crate::closed_sets::SOURCE;
use crate::native::{Dictionary, Fixed, Text, native_block};

native_block! {
    /// Who a `user_key` is.
    IdentityRow<'a> =>
    /// Identities on their way into the table. A later one of the same person and source replaces the earlier.
    IdentitiesBlock in "identities" {
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The pseudonym.
        user_key: u64 => Fixed<u64>, "UInt64";
        /// The source that told.
        source: u8 => Fixed<u8>, SOURCE;
        /// The source's own id of the person.
        native_id: &'a str => Text, "String";
        /// E-mail, lower case.
        email: &'a str => Text, "String";
        /// Name as displayed.
        display_name: &'a str => Text, "String";
        /// When we heard it.
        seen_at: i64 => Fixed<i64>, TIME;
    }
}
