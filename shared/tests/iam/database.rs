//! Tests with RDS tokens: a Postgres role whose password is the token.

use std::sync::Arc;
use std::time::Duration;

use dev_servers::{Postgres, PostgresOptions};
use shared::config::with_database_tokens;
use shared::db::{Db, PoolSize, Url};
use shared::metrics::RequestMetrics;
use tokio_postgres::NoTls;

use crate::{Stopped, USER, in_a_process_that_trusts, url};

#[test]
fn each_connection_to_the_database_uses_a_new_token_and_verifies_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let options = PostgresOptions { disposable: true, tls: true, ..PostgresOptions::default() };
    let postgres = Postgres::start(folder.path(), &options).unwrap();
    in_a_process_that_trusts(
        postgres.ca_file().unwrap(),
        &postgres.url("postgres"),
        "database::connections_with_tokens_to_the_server_of_the_parent_process",
    );
}

#[tokio::test]
#[ignore = "each_connection_to_the_database_uses_a_new_token_and_verifies_the_host runs it in another process"]
async fn connections_with_tokens_to_the_server_of_the_parent_process() {
    let (clock, url) = (Stopped::new(), url());
    let address = url.rsplit('@').next().unwrap();
    let port: u16 = address.split([':', '/']).nth(1).unwrap().parse().unwrap();
    run(&format!("CREATE ROLE \"{USER}\" LOGIN")).await;

    let db = signed(&clock, &format!("localhost:{port}/postgres?sslmode=require"));
    expect(&clock, "localhost", port).await;
    assert_eq!(db.ping().await, Ok(()));
    clock.move_on();
    assert_eq!(db.ping().await, Ok(()), "an open connection must remain open");
    expect(&clock, "localhost", port).await;
    assert_eq!(db.ping().await, Ok(()), "a new connection must have a new token");
    clock.move_on();
    disconnect().await;
    assert!(db.ping().await.is_err(), "the server must reject the token of another time");

    // The same server under a name that its certificate does not contain.
    expect(&clock, "db.example", port).await;
    let stranger = signed(&clock, &format!("db.example:{port}/postgres?sslmode=require&hostaddr=127.0.0.1"));
    assert!(stranger.ping().await.is_err());
}

fn signed(clock: &Stopped, address: &str) -> Db {
    let url: Url = format!("postgres://{USER}@{address}").parse().unwrap();
    let size = PoolSize { kept: 1, overflow: 0 };
    let url = with_database_tokens(url, clock.identity()).unwrap();
    Db::new(&url, size, Duration::from_secs(1), Arc::new(RequestMetrics::default())).unwrap()
}

/// Makes the token of the current time the password, and ends the connections that used an earlier
/// token.
async fn expect(clock: &Stopped, host: &str, port: u16) {
    let token = clock.identity().database_token(host, port, USER).unwrap();
    run(&format!("ALTER ROLE \"{USER}\" PASSWORD '{}'", token.expose())).await;
    disconnect().await;
}

async fn disconnect() {
    run(&format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{USER}'")).await;
}

async fn run(sql: &str) {
    let (client, connection) = tokio_postgres::connect(&url(), NoTls).await.unwrap();
    tokio::select! {
        result = client.batch_execute(sql) => result.unwrap(),
        lost = connection => panic!("the connection ended: {lost:?}"),
    }
}

#[test]
fn a_token_is_not_used_without_tls_or_instead_of_a_password() {
    let identity = Stopped::new().identity();
    for (url, fits) in [
        ("postgres://kai@db/kai?sslmode=require", true),
        ("postgres://kai@db/kai", false),
        ("postgres://kai@db/kai?sslmode=disable", false),
        ("postgres://db/kai?sslmode=require", false),
        ("postgres://kai:hunter2@db/kai?sslmode=require", false),
        ("postgres://kai@db,other/kai?sslmode=require", false),
    ] {
        let parsed: Url = url.parse().unwrap();
        assert_eq!(with_database_tokens(parsed, identity.clone()).is_some(), fits, "{url}");
    }
}
