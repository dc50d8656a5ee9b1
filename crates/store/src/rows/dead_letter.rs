//! The row of `dead_letters`: what could not be read, for 14 days.

use super::{REPEATED, TIME};
use crate::closed_sets::REJECT_REASON;
use crate::native::{Dictionary, Fixed, Text, native_block};

native_block! {
    /// One rejected element.
    DeadLetterRow<'a> =>
    /// Dead letters on their way into the table. The same one again replaces itself.
    DeadLettersBlock in "dead_letters" {
        /// Of the connection and the rejected bytes.
        dead_letter_id: u128 => Fixed<u128>, "UInt128";
        /// Our tenant.
        tenant: &'a str => Dictionary, REPEATED;
        /// The connection that delivered it.
        connection: &'a str => Dictionary, REPEATED;
        /// Why.
        reason: u8 => Fixed<u8>, REJECT_REASON;
        /// What exactly.
        detail: &'a str => Text, "String";
        /// Where it came from.
        origin: &'a str => Text, "String";
        /// When the delivery reached us.
        received_at: i64 => Fixed<i64>, TIME;
        /// The text less known secrets and typed passwords.
        scrubbed: &'a str => Text, "String";
        /// SHA-256 of the rejected bytes.
        sha256: [u8; 32] => Fixed<[u8; 32]>, "FixedString(32)";
        /// Can `redrive` put it through again?
        is_redrivable: bool => Fixed<bool>, "Bool";
        /// When it was put through again; 0: nobody has.
        redriven_at: i64 => Fixed<i64>, TIME;
        /// When the log took the record: of two about one id, the later one stays.
        inserted_at: i64 => Fixed<i64>, TIME;
    }
}
