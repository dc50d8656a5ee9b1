//! The smaller tables on the real server: each gives back its row, and the same row again changes nothing.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use store::{
    ActivePeople, AlertRow, AlertsBlock, AliasRow, AliasesBlock, AppDayRow, AppDaysBlock, AppPersonDayRow,
    AppPersonDaysBlock, AppRow, AppSessionRow, AppSessionsBlock, AppsBlock, DeadLetterRow, DeadLettersBlock,
    DecisionRow, DecisionsBlock, EncodedBlock, IdentitiesBlock, IdentityRow, RevealRow, RevealsBlock,
};
use support::Stack;

/// 2026-03-01T09:30:00.123Z, and the day of it.
const MS: i64 = 1_772_357_400_123;
const DAY: u16 = 20_513;
const DAY_MS: i64 = 86_400_000;

impl Stack {
    /// Inserts a block twice, under two tokens, as a batch does that was formed again after a crash.
    async fn insert_twice(&self, block: &EncodedBlock) {
        self.insert(block, &format!("{}/first", block.table)).await;
        self.insert(block, &format!("{}/again", block.table)).await;
    }

    /// One row in JSON, without the time at which it was stored.
    async fn row(&self, table: &str) -> String {
        let except = if matches!(table, "identities") { "" } else { " EXCEPT (inserted_at)" };
        self.ask(&format!("SELECT *{except} FROM {table} FINAL FORMAT JSONEachRow")).await
    }
}

fn alert() -> AlertRow<'static> {
    AlertRow {
        alert_id: 1,
        tenant: "acme",
        rule: "N1",
        rule_version: 2,
        severity: 3,
        state: 1,
        score: 70,
        factor_names: &["new app", "reads all mail"],
        factor_points: &[-5, 75],
        title: "title",
        description: "description",
        subject: "subject",
        episode: "episode",
        app_key: "notion.so",
        app_ref: "entra:client_id:c",
        app_name: "Notion",
        looks_like: "notion.com",
        user_key: 7,
        department: "Sales",
        people: 3,
        evidence: &[u128::MAX, 5],
        evidence_query: "SELECT 1",
        alternative: "Confluence",
        prevention: "prevention",
        technique: "T1528",
        occurred_at: MS,
        received_at: MS,
        logged_at: MS,
        is_late: true,
        tables_version: "v1",
        log_id: 9,
        partition: 3,
        offset: 4,
        index: 5,
    }
}

#[tokio::test]
async fn an_alert_comes_back_whole_and_once() {
    let stack = Stack::start().await;
    let mut block = AlertsBlock::new();
    block.push(&alert());
    stack.insert_twice(&block.take()).await;
    let expected = r#"{"alert_id":"1","tenant":"acme","rule":"N1","rule_version":2,"severity":"high","state":"muted","score":70,"factor_names":["new app","reads all mail"],"factor_points":[-5,75],"title":"title","description":"description","subject":"subject","episode":"episode","app_key":"notion.so","app_ref":"entra:client_id:c","app_name":"Notion","looks_like":"notion.com","user_key":"7","department":"Sales","people":3,"evidence":["340282366920938463463374607431768211455","5"],"evidence_query":"SELECT 1","alternative":"Confluence","prevention":"prevention","technique":"T1528","occurred_at":"2026-03-01 09:30:00.123","received_at":"2026-03-01 09:30:00.123","logged_at":"2026-03-01 09:30:00.123","is_late":true,"tables_version":"v1","_log_id":"9","_partition":3,"_offset":"4","_index":5}"#;
    assert_eq!(unquoted(&stack.row("alerts").await), unquoted(expected));
    stack.stop().await;
}

/// JSON without the quotes that a setting puts around wide numbers.
fn unquoted(json: &str) -> String {
    json.replace('"', "")
}

#[tokio::test]
async fn dead_letters_and_identities_come_back_whole_and_once() {
    let stack = Stack::start().await;
    let mut letters = DeadLettersBlock::new();
    letters.push(&DeadLetterRow {
        dead_letter_id: 1,
        tenant: "acme",
        connection: "okta",
        reason: 7,
        detail: "detail",
        origin: "http:okta:3",
        // Now, or the 14 days would have passed.
        received_at: now_ms(),
        scrubbed: "{\"a\": 1}",
        sha256: [0x61; 32],
        is_redrivable: true,
        redriven_at: 0,
        inserted_at: MS,
    });
    stack.insert_twice(&letters.take()).await;
    let sql = "SELECT dead_letter_id, tenant, connection, reason, detail, origin, scrubbed, sha256, is_redrivable FROM dead_letters FINAL";
    let expected = format!("1\tacme\tokta\twrong_tenant\tdetail\thttp:okta:3\t{{\"a\": 1}}\t{}\ttrue", "a".repeat(32));
    assert_eq!(stack.ask(sql).await, expected);

    let mut identities = IdentitiesBlock::new();
    let identity = IdentityRow {
        tenant: "acme",
        user_key: 7,
        source: 2,
        native_id: "n",
        email: "ada@example.com",
        display_name: "Ada",
        seen_at: MS,
    };
    identities.push(&IdentityRow { display_name: "Ada Lovelace", seen_at: MS + 1, ..identity.clone() });
    identities.push(&identity);
    stack.insert_twice(&identities.take()).await;
    let expected = r#"{"tenant":"acme","user_key":"7","source":"entra","native_id":"n","email":"ada@example.com","display_name":"Ada Lovelace","seen_at":"2026-03-01 09:30:00.124"}"#;
    assert_eq!(unquoted(&stack.row("identities").await), unquoted(expected), "the latest name counts");
    // Only `reveal`, which is audited, reads names; a question that a person types finds none, however it is put.
    for question in [
        "SELECT count() FROM identities",
        "SELECT count() FROM daylight.identities FINAL WHERE email != ''",
        "SELECT count() FROM view(SELECT * FROM identities)",
        "SELECT count() FROM dead_letters AS d, identities AS i",
    ] {
        assert_eq!(stack.client.ask(question, "TSV").await.unwrap(), "0\n", "{question}");
    }
    for question in [
        "SELECT count() FROM merge('daylight', 'identities')",
        "SELECT count() FROM identities SETTINGS additional_table_filters = {}",
        "SELECT count() FROM remote('127.0.0.1', daylight.identities)",
    ] {
        assert!(stack.client.ask(question, "TSV").await.is_err(), "{question}");
    }
    assert_ne!(stack.client.ask("SELECT count() FROM dead_letters", "TSV").await.unwrap(), "0\n");
    stack.stop().await;
}

#[tokio::test]
async fn a_dead_letter_is_gone_after_14_days() {
    let stack = Stack::start().await;
    let mut letters = DeadLettersBlock::new();
    let letter = DeadLetterRow {
        dead_letter_id: 1,
        tenant: "acme",
        connection: "",
        reason: 0,
        detail: "",
        origin: "",
        received_at: now_ms() - 15 * DAY_MS,
        scrubbed: "",
        sha256: [0; 32],
        is_redrivable: false,
        redriven_at: 0,
        inserted_at: now_ms(),
    };
    letters.push(&letter);
    letters.push(&DeadLetterRow { dead_letter_id: 2, received_at: now_ms() - 13 * DAY_MS, ..letter });
    stack.insert(&letters.take(), "t").await;
    stack.client.execute("merging", "OPTIMIZE TABLE dead_letters FINAL", &[]).await.unwrap();
    assert_eq!(stack.ask("SELECT dead_letter_id FROM dead_letters").await, "2");
    stack.stop().await;
}

#[tokio::test]
async fn decisions_keep_their_history_and_the_inventory_shows_the_one_in_force() {
    let stack = Stack::start().await;
    let mut apps = AppsBlock::new();
    for (app_key, app_refs, first_seen_at, last_seen_at) in [
        ("notion.so", &["okta:app_id:1"][..], MS, MS + 9),
        ("notion.so", &["entra:client_id:2"], MS - 5, MS),
        ("miro.com", &[], MS, MS),
    ] {
        apps.push(&AppRow {
            tenant: "acme",
            app_key,
            name: app_key,
            category: "notes",
            is_first_party: false,
            app_refs,
            first_seen_at,
            last_seen_at,
        });
    }
    stack.insert_twice(&apps.take()).await;
    let mut decisions = DecisionsBlock::new();
    let decision = DecisionRow {
        tenant: "acme",
        app_key: "notion.so",
        app_refs: &["okta:app_id:1", "entra:client_id:2"],
        status: 1,
        previous: 0,
        department: "",
        owner: "it",
        reason: "asked for",
        decided_by: "grace",
        decided_at: MS,
        expires_at: 0,
        log_id: 9,
        partition: 0,
        offset: 10,
        index: 0,
    };
    decisions.push(&decision);
    decisions.push(&DecisionRow { status: 2, previous: 1, decided_at: MS + 1, offset: 11, ..decision.clone() });
    decisions.push(&DecisionRow { status: 5, department: "Sales", decided_at: MS + 2, offset: 12, ..decision.clone() });
    decisions.push(&DecisionRow { app_key: "miro.com", status: 2, expires_at: MS + 3, offset: 13, ..decision });
    stack.insert_twice(&decisions.take()).await;
    let history = stack.ask("SELECT status, previous, arraySort(app_refs) FROM decisions FINAL WHERE app_key = 'notion.so' ORDER BY _offset").await;
    let refs = "['entra:client_id:2','okta:app_id:1']";
    assert_eq!(
        history,
        format!("in_review\tunreviewed\t{refs}\nsanctioned\tin_review\t{refs}\nblocked\tunreviewed\t{refs}")
    );
    let inventory = stack
        .ask("SELECT app_key, status, owner, arraySort(app_refs), toUnixTimestamp64Milli(first_seen_at), toUnixTimestamp64Milli(last_seen_at) FROM app_inventory ORDER BY app_key")
        .await;
    let notion = format!("notion.so\tsanctioned\tit\t{refs}\t{}\t{}", MS - 5, MS + 9);
    assert_eq!(
        inventory,
        format!("miro.com\tunreviewed\t\t[]\t{MS}\t{MS}\n{notion}"),
        "a decision that expired binds nobody"
    );
    stack.stop().await;
}

#[tokio::test]
async fn merges_keep_their_history_and_of_each_app_the_latest_is_in_force() {
    let stack = Stack::start().await;
    let mut aliases = AliasesBlock::new();
    let merge = AliasRow {
        tenant: "acme",
        action: 0,
        from_app_key: "okta:app_id:2",
        to_app_key: "notion.so",
        reason: "one app",
        decided_by: "grace",
        decided_at: MS,
        log_id: 9,
        partition: 0,
        offset: 10,
        index: 0,
    };
    aliases.push(&merge);
    aliases.push(&AliasRow { from_app_key: "okta:app_id:3", offset: 11, ..merge.clone() });
    aliases.push(&AliasRow { action: 1, decided_at: MS + 1, offset: 12, ..merge });
    stack.insert_twice(&aliases.take()).await;
    let history = stack
        .ask("SELECT action, from_app_key, to_app_key, reason, decided_by, _offset FROM aliases FINAL ORDER BY _offset")
        .await;
    let line = |action: &str, from: u64, offset: u64| {
        format!("{action}\tokta:app_id:{from}\tnotion.so\tone app\tgrace\t{offset}")
    };
    assert_eq!(history, [line("merge", 2, 10), line("merge", 3, 11), line("split", 2, 12)].join("\n"));
    let in_force = stack.ask("SELECT from_app_key, to_app_key, decided_by FROM aliases_in_force").await;
    assert_eq!(in_force, "okta:app_id:3\tnotion.so\tgrace");
    stack.stop().await;
}

#[tokio::test]
async fn a_reveal_is_kept_once() {
    let stack = Stack::start().await;
    let mut reveals = RevealsBlock::new();
    reveals.push(&RevealRow {
        tenant: "acme",
        user_key: 7,
        reason: "to help",
        revealed_by: "grace",
        revealed_at: MS,
        log_id: 9,
        partition: 0,
        offset: 1,
        index: 0,
    });
    stack.insert_twice(&reveals.take()).await;
    let expected = r#"{"tenant":"acme","user_key":"7","reason":"to help","revealed_by":"grace","revealed_at":"2026-03-01 09:30:00.123","_log_id":"9","_partition":0,"_offset":"1","_index":0}"#;
    assert_eq!(unquoted(&stack.row("reveals").await), unquoted(expected));
    stack.stop().await;
}

/// Ada uses notion twice on the day and six days before, Bob 29 days before, Eve 30 days before; Ada uses miro on the day.
async fn insert_usage(stack: &Stack) {
    let mut people = AppPersonDaysBlock::new();
    for (app_key, user_key, days_before, first, last) in [
        ("notion.so", 1, 0, 50, 60),
        ("notion.so", 1, 0, 10, 55),
        ("notion.so", 1, 6, 0, 0),
        ("notion.so", 2, 29, 0, 0),
        ("notion.so", 3, 30, 0, 0),
        ("miro.com", 1, 0, 0, 0),
    ] {
        let midnight = i64::from(DAY - days_before) * DAY_MS;
        people.push(&AppPersonDayRow {
            tenant: "acme",
            app_key,
            department: "Sales",
            day: DAY - days_before,
            user_key,
            first_used_at: midnight + first,
            last_used_at: midnight + last,
        });
    }
    stack.insert_twice(&people.take()).await;
    let mut sessions = AppSessionsBlock::new();
    for session_key in [5, 6, 5] {
        sessions.push(&AppSessionRow {
            tenant: "acme",
            app_key: "notion.so",
            department: "Sales",
            day: DAY,
            session_key,
        });
    }
    stack.insert_twice(&sessions.take()).await;
    let mut days = AppDaysBlock::new();
    for (offset, uses) in [(0, 3), (100, 4)] {
        days.push(&AppDayRow {
            tenant: "acme",
            app_key: "notion.so",
            department: "Sales",
            day: DAY,
            rows: 10,
            uses,
            grants: 1,
            failures: 2,
            log_id: 9,
            partition: 0,
            offset,
        });
    }
    stack.insert_twice(&days.take()).await;
}

#[tokio::test]
async fn use_is_counted_in_sets_however_often_a_batch_is_sent() {
    let stack = Stack::start().await;
    insert_usage(&stack).await;
    let active = stack.client.active_people("acme", DAY).await.unwrap();
    assert_eq!(active, ActivePeople { daily: 1, weekly: 1, monthly: 2 });
    assert_eq!(stack.client.active_people("other", DAY).await.unwrap(), ActivePeople::default());

    let usage = stack.client.app_usage("acme", DAY).await.unwrap();
    let figures: Vec<_> =
        usage.iter().map(|app| (app.app_key.as_str(), app.daily, app.weekly, app.monthly, app.sessions)).collect();
    assert_eq!(figures, [("notion.so", 1, 1, 2, 2), ("miro.com", 1, 1, 1, 0)]);
    assert_eq!(usage[0].last_used_at_ms, i64::from(DAY) * DAY_MS + 60);
    assert_eq!(usage[0].first_used_at_ms, i64::from(DAY - 29) * DAY_MS);

    let sql = "SELECT department, people, sessions, uses, toUnixTimestamp64Milli(first_used_at) % 86400000, toUnixTimestamp64Milli(last_used_at) % 86400000 \
               FROM usage_daily WHERE app_key = 'notion.so' ORDER BY day DESC LIMIT 1";
    assert_eq!(stack.ask(sql).await, "Sales\t1\t2\t7\t10\t60");
    stack.stop().await;
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
