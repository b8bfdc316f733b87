//! The database role of the functions with IAM authentication. It permits everything that the
//! functions do, and nothing more.

use api_tests::{PostgresChoice, Setup, TestApp, with_connection};
use dev_servers::{Postgres, PostgresOptions};
use jiff::Timestamp;
use serde_json::json;
use shared::db::Param;
use shared::domain::statements::{self, Subject, Value};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// Starts a system with the database at this URL.
async fn start_with_database(url: String) -> TestApp {
    TestApp::start_with(Setup { postgres: PostgresChoice::At(url), ..Setup::default() }).await
}

/// Returns parameters for the statements. The permission to execute a statement does not depend on
/// them.
fn subject() -> Subject {
    let text = |text: &str| text.to_owned();
    Subject {
        user: Uuid::now_v7(),
        email: text("ada@example.org"),
        password_hash: text("!"),
        token_hash: vec![0; 32],
        entry: Uuid::now_v7(),
        tag: text("walk"),
        word: text("heron"),
        midst: Timestamp::UNIX_EPOCH,
        endpoint: text("POST /api/journal/entries"),
    }
}

#[tokio::test]
async fn a_database_owner_that_may_not_create_roles_can_still_migrate() {
    let folder = tempfile::tempdir().unwrap();
    let options = PostgresOptions { disposable: true, ..PostgresOptions::default() };
    let postgres = Postgres::start(folder.path(), &options).unwrap();
    postgres.create_database("kai").await.unwrap();
    let owner = "CREATE ROLE rds_iam; CREATE ROLE small LOGIN PASSWORD 'herons'; ALTER DATABASE kai OWNER TO small; GRANT ALL ON SCHEMA public TO small";
    let administrator = postgres.url("kai");
    with_connection(&administrator, async |client| client.batch_execute(owner).await.unwrap()).await;
    let (_, address) = administrator.split_once('@').unwrap();
    let app = start_with_database(format!("postgres://small:herons@{address}")).await;
    for direction in ["up", "down", "up"] {
        app.invoke("db-migrate", &json!({"direction": direction})).await.unwrap();
    }
    app.register_and_login().await.create_entry("it works").await;
}

#[tokio::test]
async fn the_role_of_the_functions_can_run_every_statement_but_cannot_change_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let options = PostgresOptions { disposable: true, ..PostgresOptions::default() };
    let postgres = Postgres::start(folder.path(), &options).unwrap();
    postgres.create_database("kai").await.unwrap();
    let owner = postgres.url("kai");
    let run = async |sql: &str| with_connection(&owner, async |client| client.batch_execute(sql).await.unwrap()).await;
    // On AWS, this role is created by RDS.
    run("CREATE ROLE rds_iam").await;
    let migrating = start_with_database(owner.clone()).await;
    migrating.invoke("db-migrate", &json!({"direction": "up"})).await.unwrap();
    run("ALTER ROLE kai_app PASSWORD 'herons'").await;

    let (_, address) = owner.split_once('@').unwrap();
    let url = format!("postgres://kai_app:herons@{address}");
    with_connection(&url, async |client| {
        for example in statements::statements(&subject()) {
            let params: Vec<Param<'_>> = example.params.iter().map(Value::param).collect();
            let explained = client.query_typed(&format!("EXPLAIN {}", example.statement.sql), &params).await;
            assert!(explained.is_ok(), "{}: {explained:?}", example.statement.name);
        }
        for forbidden in [
            "ALTER TABLE journal_entries ADD COLUMN x int",
            "DROP TABLE journal_entries",
            "TRUNCATE users",
            "CREATE TABLE x ()",
            "SELECT * FROM _sqlx_migrations",
            "CREATE ROLE y",
        ] {
            let error = client.batch_execute(forbidden).await.unwrap_err();
            assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forbidden}: {error}");
        }
    })
    .await;

    let app = start_with_database(url).await;
    let ada = app.register_and_login().await;
    let entry = ada.post("/api/journal/entries", &json!({"content": "x"})).await.expect_success();
    assert_eq!(ada.get("/api/journal/entries").await.expect_success()["total"], 1, "the trigger updates the count");
    let path = format!("/api/journal/entries/{}", entry["id"].as_str().unwrap());
    assert_eq!(ada.request("DELETE", path).await.status, 204);
    assert_eq!(ada.get("/api/journal/entries").await.expect_success()["total"], 0);

    // The role has permissions on the tables of later migrations. Reverting the migration that
    // created the role, the sixth, revokes them.
    run("CREATE TABLE later (id int)").await;
    let may = "SELECT has_table_privilege('kai_app', 'later', 'INSERT')";
    assert!(with_connection(&owner, async |client| client.query_one(may, &[]).await.unwrap().get::<_, bool>(0)).await);
    let mut newest = u64::MAX;
    while newest >= 6 {
        let outcome = migrating.invoke("db-migrate", &json!({"direction": "down"})).await.unwrap();
        let applied = outcome["migrations"].as_array().unwrap().iter().filter(|migration| migration["applied"] == true);
        newest = applied.map(|migration| migration["version"].as_u64().unwrap()).max().unwrap();
    }
    assert!(!with_connection(&owner, async |client| client.query_one(may, &[]).await.unwrap().get::<_, bool>(0)).await);
}
