//! Migrations on the real server.

mod support;

use store::{
    AlertsBlock, AliasesBlock, AppDaysBlock, AppPersonDaysBlock, AppSessionsBlock, AppsBlock, Client, ColumnType,
    DatabaseName, DeadLettersBlock, DecisionsBlock, EventsBlock, IdentitiesBlock, MIGRATIONS, Migration, RevealsBlock,
    SourceExpectationsBlock, SourceGapsBlock, SourceHoursBlock, StoreError,
};
use support::Stack;

#[tokio::test]
async fn migrations_run_once_and_a_changed_one_is_refused() {
    let stack = Stack::start().await;
    let report = stack.client.migrate(MIGRATIONS).await.unwrap();
    assert_eq!((report.applied.len(), report.known), (0, MIGRATIONS.len()));

    let mut changed = MIGRATIONS.to_vec();
    changed[1] = Migration { sql: "SELECT 'something else'", ..changed[1] };
    let error = stack.client.migrate(&changed).await.unwrap_err();
    assert!(matches!(&error, StoreError::MigrationChanged { name, .. } if name == "0002_alerts"), "{error}");
    assert!(error.to_string().contains("only go forward"), "{error}");

    let error = stack.client.migrate(&MIGRATIONS[..2]).await.unwrap_err();
    assert!(matches!(error, StoreError::MigrationUnknown { version: 3 }), "{error}");
    stack.stop().await;
}

#[tokio::test]
async fn two_processes_that_migrate_at_once_end_in_the_same_tables() {
    let stack = Stack::start().await;
    let client = || Client::new(stack.server.connection(DatabaseName::parse("at_once").unwrap())).unwrap();
    let (one, two) = (client(), client());
    let (first, second) = tokio::join!(one.migrate(MIGRATIONS), two.migrate(MIGRATIONS));
    first.unwrap();
    second.unwrap();
    let count = one.query_text("SELECT count() FROM schema_migrations FINAL", &[], "TSVRaw").await.unwrap();
    assert_eq!(count.trim_end(), MIGRATIONS.len().to_string());
    stack.stop().await;
}

#[tokio::test]
async fn every_block_has_the_columns_and_types_of_its_table() {
    let stack = Stack::start().await;
    let blocks: &[(&str, &[ColumnType])] = &[
        (EventsBlock::TABLE, EventsBlock::COLUMNS),
        (AlertsBlock::TABLE, AlertsBlock::COLUMNS),
        (DeadLettersBlock::TABLE, DeadLettersBlock::COLUMNS),
        (DecisionsBlock::TABLE, DecisionsBlock::COLUMNS),
        (AliasesBlock::TABLE, AliasesBlock::COLUMNS),
        (RevealsBlock::TABLE, RevealsBlock::COLUMNS),
        (IdentitiesBlock::TABLE, IdentitiesBlock::COLUMNS),
        (AppPersonDaysBlock::TABLE, AppPersonDaysBlock::COLUMNS),
        (AppSessionsBlock::TABLE, AppSessionsBlock::COLUMNS),
        (AppDaysBlock::TABLE, AppDaysBlock::COLUMNS),
        (AppsBlock::TABLE, AppsBlock::COLUMNS),
        (SourceHoursBlock::TABLE, SourceHoursBlock::COLUMNS),
        (SourceGapsBlock::TABLE, SourceGapsBlock::COLUMNS),
        (SourceExpectationsBlock::TABLE, SourceExpectationsBlock::COLUMNS),
    ];
    for (table, columns) in blocks {
        let sql = "SELECT name, type, comment != '' FROM system.columns \
                   WHERE database = currentDatabase() AND table = {table:String} AND (name != 'inserted_at' OR table = 'dead_letters') ORDER BY position";
        let described = stack.client.query_text(sql, &[("table", table)], "TSVRaw").await.unwrap();
        let block: Vec<String> =
            columns.iter().map(|column| format!("{}\t{}\t1", column.name, column.type_name)).collect();
        let mut described: Vec<&str> = described.lines().collect();
        let mut block: Vec<&str> = block.iter().map(String::as_str).collect();
        // The order of the block is its own: the server finds columns by name.
        described.sort_unstable();
        block.sort_unstable();
        assert_eq!(described, block, "{table}");
    }
    let nullable = stack
        .ask("SELECT count() FROM system.columns WHERE database = currentDatabase() AND type LIKE '%Nullable%'")
        .await;
    assert_eq!(nullable, "0");
    stack.stop().await;
}
