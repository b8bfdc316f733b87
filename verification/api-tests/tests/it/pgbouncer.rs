//! Through PgBouncer in transaction mode, which gives each statement whichever connection is free.

use api_tests::{PostgresChoice, Protocol, Proxy, Setup, TestApp};
use dev_servers::PgBouncer;
use dev_servers::postgres::Admin;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::scenario;

/// Asks the pooler's console.
async fn console(pooler: &PgBouncer, command: &str) -> Vec<SimpleQueryMessage> {
    let (client, connection) = tokio_postgres::connect(&pooler.url("pgbouncer"), NoTls).await.unwrap();
    tokio::select! {
        rows = client.simple_query(command) => rows.unwrap(),
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
}

/// A column of the only row that tells of the functions' database.
async fn pool_size(pooler: &PgBouncer, database: &str) -> usize {
    let servers = console(pooler, "SHOW SERVERS").await;
    let of_ours = |message: &&SimpleQueryMessage| matches!(message, SimpleQueryMessage::Row(row) if row.get("database") == Some(database));
    servers.iter().filter(of_ours).count()
}

#[tokio::test]
async fn journal_and_profile_work_through_a_transaction_pooler_without_named_statements() {
    // A system that is never asked anything lends its migrated database.
    let lender = TestApp::start().await;
    let database = lender.database_url().rsplit_once('/').unwrap().1;
    let pooler =
        PgBouncer::start(&lender.folder().join("pgbouncer"), &Admin::parse(lender.database_url()).unwrap()).unwrap();
    // Far fewer than there are environments, so that every connection serves many of them.
    console(&pooler, "SET default_pool_size = 2").await;

    let setup = Setup { postgres: PostgresChoice::At(pooler.url(database)), proxied: true, ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    scenario::journal_and_profile(&app).await;
    app.wait_until_idle().await;
    let environments = app.emulator.environments().len();
    assert!(environments > 8, "{environments} environments do not crowd a pool");
    let servers = pool_size(&pooler, database).await;
    assert!((1..=2).contains(&servers), "{servers} connections to Postgres");

    let traffic = app.postgres_proxy.as_ref().unwrap().take_traffic();
    assert!(traffic.queries() > 100 && traffic.count("Parse") > 100, "{} statements were seen", traffic.queries());
    assert_eq!(traffic.named_statements(), 0);
    let mut simple = traffic.messages.iter().filter(|message| message.starts_with("Query"));
    assert!(simple.all(|message| message == "Query SHOW transaction_read_only"), "nothing is set for a session either");
}

#[tokio::test]
async fn the_proxy_detects_named_statements() {
    let lender = TestApp::start().await;
    let (before, port) = lender.database_url().split_once('@').unwrap();
    let (host, database) = port.split_once('/').unwrap();
    let port = host.split_once(':').unwrap().1.parse().unwrap();
    let proxy = Proxy::start(port, Protocol::Postgres).await;
    let url = format!("{before}@127.0.0.1:{}/{database}", proxy.port());
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::select! {
        rows = client.query("SELECT 1", &[]) => drop(rows.unwrap()),
        ended = connection => panic!("the connection ended: {ended:?}"),
    }
    assert_eq!(proxy.take_traffic().named_statements(), 1);
}
