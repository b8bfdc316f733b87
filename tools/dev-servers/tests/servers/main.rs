//! The servers as they run on this machine; what is missing is installed first.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "test code outside of the test functions themselves")]

mod pgbouncer;
mod postgres;
mod redis;

use std::sync::LazyLock;

use dev_servers::{Server, install};
use tokio_postgres::NoTls;

/// Installs what is missing, once for all tests.
static INSTALLED: LazyLock<()> = LazyLock::new(|| {
    let servers = [Server::Postgres, Server::Redis, Server::PgBouncer];
    install::ensure(&servers, &mut |line| println!("{line}")).unwrap();
});

/// A folder for one test.
fn folder() -> tempfile::TempDir {
    LazyLock::force(&INSTALLED);
    tempfile::tempdir().unwrap()
}

/// Runs one query on a connection of its own and returns the first column of the first row.
async fn query(url: &str, sql: &str) -> Result<Option<String>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let work = async {
        let messages = client.simple_query(sql).await?;
        let row = messages.into_iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        Ok(row.and_then(|row| row.get(0).map(str::to_owned)))
    };
    tokio::select! {
        result = work => result,
        Err(error) = connection => Err(error),
    }
}

/// Whether there is a process of that id that is not a zombie.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
