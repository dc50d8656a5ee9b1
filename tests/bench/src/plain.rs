//! The plain Rust pipeline: what one writes in an afternoon with the usual crates. `StreamConsumer`, `apache-avro` into its `Value`, a struct that
//! owns its texts, and the `clickhouse` crate's insert. It recognises no app, keeps no usage, and commits nothing: it is only to be beaten.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use apache_avro::{Schema, reader::datum::GenericDatumReader, types::Value};
use clickhouse::Row;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{Consumer as _, StreamConsumer},
};
use serde::Serialize;

use stages::workload::PARTITIONS;

/// Rows of an INSERT.
const ROWS_AT_ONCE: u64 = 200_000;
/// Bytes of the wire format before the datum: a zero, and the schema's id.
const FRAME_BYTES: usize = 5;
/// Without a message for so long, it ends.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// A row of the peers' table.
#[derive(Debug, Row, Serialize)]
struct PlainRow {
    event_id: String,
    tenant: String,
    connection: String,
    native_id: String,
    native_type: String,
    session_id: String,
    transaction_id: String,
    kind: String,
    occurred_at: i64,
    received_at: i64,
    user_key: String,
    app_id: String,
    app_name: String,
    app_kind: String,
    scopes: String,
    outcome: String,
    outcome_reason: String,
    auth_method: String,
    is_mfa: u8,
    ip: String,
    asn: u32,
    as_org: String,
    country: String,
    city: String,
    user_agent: String,
    ua_os: String,
    ua_browser: String,
}

/// Copies so many events of a topic into the table `events` of a database.
pub(crate) async fn copy(bootstrap: &str, topic: &str, events: u64, url: &str, database: &str) -> anyhow::Result<u64> {
    let schema = Schema::parse_str(codec::Schema::EventsV1.avsc())?;
    let reader = GenericDatumReader::builder(&schema).build()?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "plain").set("enable.auto.commit", "false");
    let consumer: StreamConsumer = config.create()?;
    let mut places = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        places.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    let client = clickhouse::Client::default().with_url(url).with_database(database);
    let (mut copied, mut open) = (0, 0);
    let mut insert = client.insert::<PlainRow>("events").await?;
    while copied < events {
        let message = tokio::time::timeout(SILENT_MAX, consumer.recv()).await;
        let message = message.with_context(|| format!("{copied} of {events} events, then none"))??;
        let payload = message.payload().context("a message without a value")?;
        let mut datum = payload.get(FRAME_BYTES..).context("a message without its frame")?;
        for row in rows(reader.read_value(&mut datum)?)? {
            insert.write(&row).await?;
            (copied, open) = (copied + 1, open + 1);
        }
        if open >= ROWS_AT_ONCE {
            insert.end().await?;
            insert = client.insert::<PlainRow>("events").await?;
            open = 0;
        }
    }
    insert.end().await?;
    ensure!(copied == events, "{copied} events of {events}");
    Ok(copied)
}

fn rows(batch: Value) -> anyhow::Result<Vec<PlainRow>> {
    let mut header = Fields::of(batch)?;
    let (tenant, connection, received_at) =
        (header.text("tenant")?, header.text("connection")?, header.long("received_at")?);
    let Value::Array(events) = header.take("events")? else { bail!("events is no array") };
    events.into_iter().map(|event| row(Fields::of(event)?, &tenant, &connection, received_at)).collect()
}

fn row(mut event: Fields, tenant: &str, connection: &str, received_at: i64) -> anyhow::Result<PlainRow> {
    Ok(PlainRow {
        event_id: event.hex("event_id")?,
        tenant: tenant.to_owned(),
        connection: connection.to_owned(),
        native_id: event.text("native_id")?,
        native_type: event.text("native_type")?,
        session_id: event.text("session_id")?,
        transaction_id: event.text("transaction_id")?,
        kind: event.text("kind")?,
        occurred_at: event.long("occurred_at")?,
        received_at,
        user_key: event.hex("user_key")?,
        app_id: event.text("app_id")?,
        app_name: event.text("app_name")?,
        app_kind: event.text("app_kind")?,
        scopes: event.text("scopes")?,
        outcome: event.text("outcome")?,
        outcome_reason: event.text("outcome_reason")?,
        auth_method: event.text("auth_method")?,
        is_mfa: u8::from(matches!(event.take("is_mfa")?, Value::Boolean(true))),
        ip: event.hex("ip")?,
        asn: u32::try_from(event.long("asn")?)?,
        as_org: event.text("as_org")?,
        country: event.text("country")?,
        city: event.text("city")?,
        user_agent: event.text("user_agent")?,
        ua_os: event.text("ua_os")?,
        ua_browser: event.text("ua_browser")?,
    })
}

/// The fields of a record, by name.
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn of(value: Value) -> anyhow::Result<Fields> {
        match value {
            Value::Record(fields) => Ok(Fields(fields)),
            other => bail!("no record: {other:?}"),
        }
    }

    fn take(&mut self, name: &str) -> anyhow::Result<Value> {
        let field = self.0.iter_mut().find(|(known, _)| known == name).with_context(|| format!("no field {name}"))?;
        Ok(std::mem::replace(&mut field.1, Value::Null))
    }

    fn text(&mut self, name: &str) -> anyhow::Result<String> {
        match self.take(name)? {
            Value::String(text) | Value::Enum(_, text) => Ok(text),
            other => bail!("{name} is no text: {other:?}"),
        }
    }

    fn long(&mut self, name: &str) -> anyhow::Result<i64> {
        match self.take(name)? {
            Value::Long(number) | Value::TimestampMillis(number) => Ok(number),
            other => bail!("{name} is no number: {other:?}"),
        }
    }

    fn hex(&mut self, name: &str) -> anyhow::Result<String> {
        use std::fmt::Write as _;
        let Value::Fixed(_, bytes) = self.take(name)? else { bail!("{name} is not of a fixed length") };
        let mut text = String::with_capacity(2 * bytes.len());
        bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use codec::{BatchHeader, BatchWriter};

    use super::*;
    use stages::workload::{Shape, Texts, Workload};

    #[test]
    fn a_record_of_the_product_is_read_as_anybody_would() {
        let (workload, mut texts) = (Workload::new(Shape::of_apps(20), 1), Texts::default());
        let record = workload.with_event(7, &mut texts, |event| {
            let mut writer = BatchWriter::new(BatchHeader::of(event));
            writer.push(event).unwrap();
            writer.finish()
        });
        let schema = Schema::parse_str(codec::Schema::EventsV1.avsc()).unwrap();
        let reader = GenericDatumReader::builder(&schema).build().unwrap();
        let rows = rows(reader.read_value(&mut &record[FRAME_BYTES..]).unwrap()).unwrap();
        assert_eq!(rows.len(), 1);
        workload.with_event(7, &mut texts, |event| {
            assert_eq!(rows[0].event_id, event.event_id.to_string());
            assert_eq!((rows[0].tenant.as_str(), rows[0].app_id.as_str()), (event.tenant, event.app.id));
            assert_eq!((rows[0].occurred_at, rows[0].received_at), (event.occurred_at.0, event.received_at.0));
        });
    }
}
