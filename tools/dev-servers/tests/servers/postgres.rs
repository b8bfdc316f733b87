//! Postgres servers and their databases.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use dev_servers::{Error, Postgres, PostgresOptions};
use tokio::time::timeout;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::{is_alive, query, server_dir, wait_for};

fn disposable() -> PostgresOptions {
    PostgresOptions { disposable: true, ..PostgresOptions::default() }
}

#[tokio::test]
async fn data_and_port_survive_a_restart_of_the_process() {
    let dir = server_dir();
    let first = Postgres::start(dir.path(), &PostgresOptions::default()).unwrap();
    query(&first.url("postgres"), "CREATE TABLE kept AS SELECT 7 AS number").await.unwrap();
    let (port, pid) = (first.port(), first.pid());
    let attached = Postgres::attach(dir.path()).await.unwrap();
    assert_eq!(attached.url("postgres"), first.url("postgres"));
    drop(first);
    assert!(!is_alive(pid), "a dropped server has ended");
    assert!(Postgres::attach(dir.path()).await.is_none());

    let second = Postgres::start(dir.path(), &PostgresOptions::default()).unwrap();
    assert_eq!(second.port(), port);
    assert_eq!(query(&second.url("postgres"), "SELECT number FROM kept").await.unwrap().as_deref(), Some("7"));
}

#[tokio::test]
async fn postgres_requires_a_password_and_listens_only_on_the_loopback_interface() {
    let dir = server_dir();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    let url = postgres.url("postgres");
    for (setting, value) in
        [("listen_addresses", "127.0.0.1"), ("unix_socket_directories", ""), ("server_encoding", "UTF8")]
    {
        assert_eq!(query(&url, &format!("SHOW {setting}")).await.unwrap().as_deref(), Some(value));
    }
    let (_, host) = url.split_once('@').unwrap();
    let rejected = query(&format!("postgres://kai:guess@{host}"), "SELECT 1").await.unwrap_err();
    assert_eq!(rejected.code(), Some(&SqlState::INVALID_PASSWORD));
    let mode = fs::metadata(dir.path().join("password")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_copy_of_a_database_has_its_rows_and_settings() {
    let dir = server_dir();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    postgres.create_database("template").await.unwrap();
    let template = postgres.url("template");
    query(&template, "CREATE TABLE kept AS SELECT 7 AS number").await.unwrap();
    query(&template, "ALTER DATABASE template SET statement_timeout = '1234ms'").await.unwrap();
    query(&template, "ALTER DATABASE template SET search_path = one, public, two").await.unwrap();

    let clones = ["one", "two", "three"];
    let (a, b, c) = tokio::join!(
        postgres.clone_database("template", "one"),
        postgres.clone_database("template", "two"),
        postgres.clone_database("template", "three"),
    );
    a.and(b).and(c).unwrap();
    for name in clones {
        let url = postgres.url(name);
        assert_eq!(query(&url, "SELECT number FROM public.kept").await.unwrap().as_deref(), Some("7"));
        assert_eq!(query(&url, "SHOW statement_timeout").await.unwrap().as_deref(), Some("1234ms"));
        assert_eq!(query(&url, "SHOW search_path").await.unwrap().as_deref(), Some("one, public, two"));
    }
    postgres.drop_database("one").await.unwrap();
    assert!(!postgres.admin().has_database("one").await);
    assert!(postgres.admin().has_database("two").await);
}

#[tokio::test]
async fn copying_waits_until_the_original_is_not_in_use() {
    let dir = server_dir();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    postgres.create_database("template").await.unwrap();
    let url = postgres.url("template");
    // Postgres itself waits for five seconds before it reports that the database is in use.
    let busy = query(&url, "SELECT pg_sleep(6)");
    let copy = async {
        let sleeping = "SELECT pid FROM pg_stat_activity WHERE datname = 'template' AND wait_event = 'PgSleep'";
        wait_for(async || query(&postgres.url("postgres"), sleeping).await.unwrap()).await;
        postgres.clone_database("template", "copy").await
    };
    let (slept, copied) = tokio::join!(busy, copy);
    slept.unwrap();
    copied.unwrap();
}

#[tokio::test]
async fn a_paused_server_does_not_respond_until_it_is_resumed() {
    let dir = server_dir();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    let url = postgres.url("postgres");
    // An open connection has its own server process, which must be paused too.
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let steps = async {
        client.simple_query("SELECT 1").await.unwrap();
        postgres.pause();
        assert!(timeout(Duration::from_millis(300), client.simple_query("SELECT 1")).await.is_err());
        postgres.resume();
        timeout(Duration::from_secs(10), client.simple_query("SELECT 1")).await.unwrap().unwrap();
    };
    tokio::select! {
        () = steps => {}
        _ = connection => panic!("the connection was lost"),
    }
}

#[tokio::test]
async fn committed_data_survive_a_kill() {
    let dir = server_dir();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    let url = postgres.url("postgres");
    query(&url, "CREATE TABLE kept AS SELECT 7 AS number").await.unwrap();
    let pid = postgres.pid();
    postgres.kill();
    assert!(!is_alive(pid));
    assert!(query(&url, "SELECT 1").await.is_err());
    postgres.restart().unwrap();
    assert_eq!(query(&url, "SELECT number FROM kept").await.unwrap().as_deref(), Some("7"));
}

#[test]
fn one_directory_has_one_server_at_a_time() {
    let dir = server_dir();
    let _first = Postgres::start(dir.path(), &disposable()).unwrap();
    assert!(matches!(Postgres::start(dir.path(), &disposable()), Err(Error::InUse(_))));
}

#[test]
fn the_error_of_a_taken_port_names_the_port() {
    let (dir, other) = (server_dir(), server_dir());
    let first = Postgres::start(dir.path(), &disposable()).unwrap();
    let options = PostgresOptions { port: Some(first.port()), ..disposable() };
    let error = Postgres::start(other.path(), &options).unwrap_err().to_string();
    assert!(error.contains(&first.port().to_string()), "{error}");
}

#[test]
fn the_error_of_a_server_that_does_not_start_contains_the_reason() {
    let dir = server_dir();
    let options = PostgresOptions { settings: vec![("no_such_setting".to_owned(), "1".to_owned())], ..disposable() };
    let error = Postgres::start(dir.path(), &options).unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
}

#[test]
fn a_server_that_an_earlier_process_left_running_is_stopped_first() {
    let dir = server_dir();
    let first = Postgres::start(dir.path(), &disposable()).unwrap();
    let (pid, pid_file) = (first.pid(), fs::read_to_string(dir.path().join("pid")).unwrap());
    drop(first);
    // This process represents a server that survived a kill of its parent on a system without a
    // parent-death signal. The path in its arguments identifies it.
    let data = fs::canonicalize(dir.path()).unwrap().join("data/cluster");
    let mut leftover = Command::new("sleep").arg0(data).arg("60").spawn().unwrap();
    fs::write(dir.path().join("pid"), pid_file.replace(&pid.to_string(), &leftover.id().to_string())).unwrap();
    let _second = Postgres::start(dir.path(), &disposable()).unwrap();
    assert!(!leftover.wait().unwrap().success());
}
