//! Tests with real servers. Missing servers are installed first.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the helper functions of tests panic on every error and show progress"
)]

mod pgbouncer;
mod postgres;
mod redis;

use std::fs;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use dev_servers::{Server, install};
use tempfile::TempDir;
use tokio::time::sleep;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Installs the missing servers, once for all tests.
static INSTALLED: LazyLock<()> = LazyLock::new(|| {
    let servers = [Server::Postgres, Server::Redis, Server::PgBouncer];
    install::ensure(&servers, &mut |line| println!("{line}")).unwrap();
});

/// Creates a directory for one server.
fn server_dir() -> TempDir {
    LazyLock::force(&INSTALLED);
    tempfile::tempdir().unwrap()
}

/// Runs one query on a new connection and returns the first column of the first row.
async fn query(url: &str, sql: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let work = async {
        let messages = client.simple_query(sql).await?;
        let row = messages.into_iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(row.and_then(|row| row.get(0).map(str::to_owned)))
    };
    tokio::select! {
        result = work => result,
        Err(error) = connection => Err(error),
    }
}

/// Reports whether a process with this id exists and is not a zombie.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until the condition returns a value, and returns the value.
async fn wait_for<T>(mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < end, "the condition holds in time");
        sleep(Duration::from_millis(20)).await;
    }
}
