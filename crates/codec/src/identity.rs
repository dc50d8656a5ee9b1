//! Identities, field by field in the order of `identity.avsc`.

use event::{Identity, Source, UserKey};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode, encode},
};

/// The record of an identity; its key is `identity_key`.
///
/// # Errors
/// `TooLarge`.
pub fn encode_identity(identity: &Identity) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::IdentityV1, |writer| {
        writer.text(&identity.tenant);
        writer.raw(&identity.user_key.0.to_be_bytes());
        writer.member(identity.source.index());
        writer.text(&identity.native_id);
        writer.text(&identity.email);
        writer.text(&identity.display_name);
        writer.time(identity.seen_at);
    })
}

/// Reads a record of the topic `identities`.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_identity(record: &[u8]) -> Result<Identity, DecodeError> {
    decode(record, &[Schema::IdentityV1], read_identity)
}

fn read_identity(cursor: &mut Cursor<'_>) -> Result<Identity, Flaw> {
    Ok(Identity {
        tenant: cursor.owned()?,
        user_key: UserKey(u64::from_be_bytes(cursor.fixed()?)),
        source: cursor.member(Source::from_index)?,
        native_id: cursor.owned()?,
        email: cursor.owned()?,
        display_name: cursor.owned()?,
        seen_at: cursor.time()?,
    })
}
