//! The service behind PgBouncer in transaction mode, which executes each statement on any free
//! connection.

use api_tests::{PostgresChoice, Protocol, Proxy, Setup, TestApp, with_connection};
use dev_servers::postgres::Admin;
use dev_servers::{PgBouncer, testing};
use tokio_postgres::SimpleQueryMessage;

use super::scenario;

/// Executes a command in the console of the pooler.
async fn console(pooler: &PgBouncer, command: &str) -> Vec<SimpleQueryMessage> {
    with_connection(&pooler.url("pgbouncer"), async |client| client.simple_query(command).await.unwrap()).await
}

/// Returns the number of connections to the database of the functions.
async fn pool_size(pooler: &PgBouncer, database: &str) -> usize {
    let servers = console(pooler, "SHOW SERVERS").await;
    let is_ours = |message: &&SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get("database") == Some(database));
    servers.iter().filter(is_ours).count()
}

#[tokio::test]
async fn journal_and_profile_work_through_a_transaction_pooler_without_named_statements() {
    // This system only provides a migrated database.
    let provider = TestApp::start().await;
    let database = provider.database_url().rsplit_once('/').unwrap().1;
    let pooler =
        PgBouncer::start(&provider.folder().join("pgbouncer"), &Admin::parse(provider.database_url()).unwrap())
            .unwrap();
    // This is far less than the number of environments, so that every connection serves many of
    // them.
    console(&pooler, "SET default_pool_size = 2").await;

    let setup = Setup { postgres: PostgresChoice::At(pooler.url(database)), proxied: true, ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    scenario::journal_and_profile(&app).await;
    app.wait_until_idle().await;
    let environments = app.emulator.environments().len();
    assert!(environments > 8, "{environments} environments are too few to share connections");
    let servers = pool_size(&pooler, database).await;
    assert!((1..=2).contains(&servers), "{servers} connections to Postgres");

    let traffic = app.postgres_proxy.as_ref().unwrap().take_traffic();
    assert!(traffic.queries() > 100 && traffic.count("Parse") > 100, "only {} statements", traffic.queries());
    assert_eq!(traffic.named_statements(), 0);
    let mut simple = traffic.messages.iter().filter(|message| message.starts_with("Query"));
    assert!(
        simple.all(|message| message == "Query SHOW transaction_read_only"),
        "no other simple query may be sent: it could set session state"
    );
}

#[tokio::test]
async fn the_proxy_detects_named_statements() {
    let provider = TestApp::start().await;
    let proxy = Proxy::start(testing::port(provider.database_url()), Protocol::Postgres).await;
    let url = testing::with_port(provider.database_url(), proxy.port());
    with_connection(&url, async |client| drop(client.query("SELECT 1", &[]).await.unwrap())).await;
    assert_eq!(proxy.take_traffic().named_statements(), 1);
}
