//! Coordinates, field by field in the order of the `Coordinates` record in `alert.avsc`.

use event::{Coordinates, LogId};

use crate::{cursor::Cursor, error::Flaw, writer::Writer};

pub(crate) fn write_coordinates(writer: &mut Writer, coordinates: &Coordinates) {
    writer.raw(&coordinates.log_id.0.to_be_bytes());
    writer.long(i64::from(coordinates.partition));
    writer.position(coordinates.position);
}

pub(crate) fn read_coordinates(cursor: &mut Cursor<'_>) -> Result<Coordinates, Flaw> {
    Ok(Coordinates {
        log_id: LogId(u128::from_be_bytes(cursor.fixed()?)),
        partition: cursor.number()?,
        position: cursor.position()?,
    })
}
