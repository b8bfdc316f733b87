//! PgBouncer in front of Postgres.

use dev_servers::{PgBouncer, Postgres, PostgresOptions};

use crate::{is_alive, query, server_dir};

#[tokio::test]
async fn pgbouncer_pools_the_transactions_of_every_database() {
    let (dir, pooler_dir) = (server_dir(), server_dir());
    let postgres =
        Postgres::start(dir.path(), &PostgresOptions { disposable: true, ..PostgresOptions::default() }).unwrap();
    postgres.create_database("kai").await.unwrap();
    let pooler = PgBouncer::start(pooler_dir.path(), postgres.admin()).unwrap();
    for database in ["kai", "postgres"] {
        let seen = query(&pooler.url(database), "SELECT current_database()").await.unwrap();
        assert_eq!(seen.as_deref(), Some(database));
    }
    // One server process serves both clients in turn, which happens only with a pooler.
    let first = query(&pooler.url("kai"), "SELECT pg_backend_pid()").await.unwrap();
    let second = query(&pooler.url("kai"), "SELECT pg_backend_pid()").await.unwrap();
    assert_eq!(first, second);
    assert_eq!(query(&pooler.url("pgbouncer"), "SHOW POOLS").await.unwrap().as_deref(), Some("kai"));

    let pid = pooler.pid();
    pooler.restart().unwrap();
    assert_eq!(query(&pooler.url("kai"), "SELECT 1").await.unwrap().as_deref(), Some("1"));
    assert!(!is_alive(pid));
}
