//! Deliveries, field by field in the order of `delivery.avsc`.

use event::{AlertId, Delivery, DeliveryState};

use crate::{
    cursor::Cursor,
    error::{DecodeError, EncodeError, Flaw},
    wire::{Schema, decode, encode},
};

/// The record of a delivery's state; its key is `delivery_key`.
///
/// # Errors
/// `TooLarge`.
pub fn encode_delivery(delivery: &Delivery) -> Result<Vec<u8>, EncodeError> {
    encode(Schema::DeliveryV1, |writer| {
        writer.text(&delivery.tenant);
        writer.raw(&delivery.alert_id.0.to_be_bytes());
        writer.text(&delivery.receiver);
        writer.member(delivery.state.index());
        writer.long(i64::from(delivery.attempts));
        writer.time(delivery.first_attempt_at);
        writer.time(delivery.last_attempt_at);
        writer.time(delivery.delivered_at);
    })
}

/// Reads a record of the topic `deliveries`.
///
/// # Errors
/// `DecodeError`; where `must_halt` says so, stop before this record, else skip it and count it.
pub fn decode_delivery(record: &[u8]) -> Result<Delivery, DecodeError> {
    decode(record, &[Schema::DeliveryV1], read_delivery)
}

fn read_delivery(cursor: &mut Cursor<'_>) -> Result<Delivery, Flaw> {
    Ok(Delivery {
        tenant: cursor.owned()?,
        alert_id: AlertId(u128::from_be_bytes(cursor.fixed()?)),
        receiver: cursor.owned()?,
        state: cursor.member(DeliveryState::from_index)?,
        attempts: cursor.number()?,
        first_attempt_at: cursor.time()?,
        last_attempt_at: cursor.time()?,
        delivered_at: cursor.time()?,
    })
}
