//! The plan of the list statement among a million entries, as `auto_explain` logs it.

use std::time::Duration;

use api_tests::{PostgresChoice, Setup, TestApp, wait_until, with_connection};
use dev_servers::QueryPlan;

const ENTRIES: i64 = 1_000_000;

#[tokio::test]
async fn a_page_is_read_from_its_index_without_a_scan_or_a_sort_among_a_million_entries() {
    let settings = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("maintenance_work_mem", "256MB"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let app = TestApp::start_with(Setup { postgres: PostgresChoice::Own(settings), ..Setup::default() }).await;
    let ada = app.new_user().await;
    insert_entries(&app, ada.id).await;

    for query in [
        "page=1",
        "page=6",
        "page=1&page_size=100",
        "page=7&page_size=50",
        "page=500&page_size=100",
        "limit=20",
        "limit=100&cursor=2025-10-20T12:00:00Z",
    ] {
        for session_is_cached in [false, true] {
            let () = app.redis(&redis::cmd("FLUSHALL")).await;
            if session_is_cached {
                ada.get("/api/auth/me").until_hit().await;
            }
            let before = postgres_log(&app).len();
            let page = ada.get(format!("/api/journal/entries?{query}")).await;
            // A page by cursor has no total.
            let total = page.expect_success().get("total").map_or(ENTRIES / 2, |total| total.as_i64().unwrap());
            assert_eq!(total, ENTRIES / 2);
            let plan = wait_for_plan(&app, before).await;
            let QueryPlan { mut indexes, scans, bitmaps, sorts } = QueryPlan::parse(&plan);
            assert!(scans.is_empty() && bitmaps.is_empty() && sorts == 0, "{query}: {plan}");
            // The session is found by its hash, or by its user, who has no other session.
            let session_is_read = indexes.remove("ix_sessions_token") || indexes.remove("ix_sessions_user_id");
            assert_eq!(session_is_read, !session_is_cached, "{query}: {plan}");
            let expected = ["ix_journal_entries_user_created", "users_pkey"].map(str::to_owned);
            assert_eq!(indexes, expected.into(), "{query}: {plan}");
        }
    }
}

/// Inserts the entries. Half of them belong to the user, and the rest to 10,000 other users with
/// sessions.
async fn insert_entries(app: &TestApp, user: uuid::Uuid) {
    // Triggers and foreign keys of a million rows would take longer than the test.
    let statements = format!(
        "SET statement_timeout = 0; SET session_replication_role = replica;
        INSERT INTO users (id, email, password_hash, journal_entry_count)
            SELECT gen_random_uuid(), 'u' || n || '@example.org', '!', 50 FROM generate_series(1, 10000) n;
        INSERT INTO sessions (id, user_id, token_hash, expires_at)
            SELECT gen_random_uuid(), id, sha256(id::text::bytea), now() + interval '1 day' FROM users WHERE id <> '{user}';
        INSERT INTO journal_entries (id, user_id, content, created_at)
            SELECT gen_random_uuid(), '{user}', 'x', now() - n * interval '1 s' FROM generate_series(1, {half}) n;
        INSERT INTO journal_entries (id, user_id, content, created_at)
            SELECT gen_random_uuid(), u.id, 'x', now() - n * interval '1 min' FROM users u, generate_series(1, {half} / 10000) n
            WHERE u.id <> '{user}';
        UPDATE users SET journal_entry_count = {half} WHERE id = '{user}';
        ANALYZE",
        half = ENTRIES / 2
    );
    let number = with_connection(app.database_url(), async |client| {
        client.batch_execute(&statements).await.unwrap();
        client.query_one("SELECT count(*) FROM journal_entries", &[]).await.unwrap().get::<_, i64>(0)
    })
    .await;
    assert_eq!(number, ENTRIES);
}

/// Returns the log of Postgres.
fn postgres_log(app: &TestApp) -> String {
    let bytes = std::fs::read(app.folder().join("postgres/log")).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for the plan of the list statement in the log after this position.
async fn wait_for_plan(app: &TestApp, after: usize) -> String {
    let is_list = |plan: &&str| plan.contains("journal_entries") && plan.contains("Limit");
    let mut plan = None;
    wait_until(Duration::from_secs(30), "the plan is logged", async || {
        plan = postgres_log(app)[after..].split("duration:").find(is_list).map(str::to_owned);
        plan.is_some()
    })
    .await;
    plan.unwrap()
}
