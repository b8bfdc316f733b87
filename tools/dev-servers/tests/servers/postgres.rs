//! Postgres.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use std::{fs, process};

use dev_servers::{Error, Postgres, PostgresOptions};
use tokio::time::timeout;

use crate::{folder, is_alive, query};

fn disposable() -> PostgresOptions {
    PostgresOptions { disposable: true, ..PostgresOptions::default() }
}

#[tokio::test]
async fn data_and_port_survive_a_second_start() {
    let dir = folder();
    let first = Postgres::start(dir.path(), &PostgresOptions::default()).unwrap();
    query(&first.url("postgres"), "CREATE TABLE kept AS SELECT 7 AS number").await.unwrap();
    let (port, pid) = (first.port(), first.pid());
    let attached = Postgres::attach(dir.path()).await.unwrap();
    assert_eq!(attached.url("postgres"), first.url("postgres"));
    drop(first);
    assert!(!is_alive(pid), "a dropped server is gone");
    assert!(Postgres::attach(dir.path()).await.is_none());

    let second = Postgres::start(dir.path(), &PostgresOptions::default()).unwrap();
    assert_eq!(second.port(), port);
    assert_eq!(query(&second.url("postgres"), "SELECT number FROM kept").await.unwrap().as_deref(), Some("7"));
}

#[tokio::test]
async fn it_listens_on_the_loopback_with_a_password_and_in_utf8() {
    let dir = folder();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    let url = postgres.url("postgres");
    for (setting, value) in
        [("listen_addresses", "127.0.0.1"), ("unix_socket_directories", ""), ("server_encoding", "UTF8")]
    {
        assert_eq!(query(&url, &format!("SHOW {setting}")).await.unwrap().as_deref(), Some(value));
    }
    let (_, host) = url.split_once('@').unwrap();
    let refused = query(&format!("postgres://kai:guess@{host}"), "SELECT 1").await.unwrap_err();
    assert_eq!(refused.code(), Some(&tokio_postgres::error::SqlState::INVALID_PASSWORD));
    let mode = fs::metadata(dir.path().join("password")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_copy_of_a_database_has_its_rows_and_its_settings() {
    let dir = folder();
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
async fn a_copy_waits_for_those_who_still_use_the_original() {
    let dir = folder();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    postgres.create_database("template").await.unwrap();
    let url = postgres.url("template");
    let busy = query(&url, "SELECT pg_sleep(6)");
    let copy = postgres.clone_database("template", "copy");
    let (slept, copied) = tokio::join!(busy, copy);
    slept.unwrap();
    copied.unwrap();
}

#[tokio::test]
async fn a_paused_server_answers_nothing_and_goes_on_afterwards() {
    let dir = folder();
    let postgres = Postgres::start(dir.path(), &disposable()).unwrap();
    let url = postgres.url("postgres");
    // A connection that is open already has a process of its own, which has to be paused too.
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let work = async {
        client.simple_query("SELECT 1").await.unwrap();
        postgres.pause();
        assert!(timeout(Duration::from_millis(300), client.simple_query("SELECT 1")).await.is_err());
        postgres.resume();
        timeout(Duration::from_secs(10), client.simple_query("SELECT 1")).await.unwrap().unwrap();
    };
    tokio::select! {
        () = work => {}
        _ = connection => panic!("the connection was lost"),
    }
}

#[tokio::test]
async fn what_was_committed_survives_a_kill() {
    let dir = folder();
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
fn one_folder_serves_one_process_at_a_time() {
    let dir = folder();
    let _first = Postgres::start(dir.path(), &disposable()).unwrap();
    assert!(matches!(Postgres::start(dir.path(), &disposable()), Err(Error::InUse(_))));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let (dir, other) = (folder(), folder());
    let first = Postgres::start(dir.path(), &disposable()).unwrap();
    let options = PostgresOptions { port: Some(first.port()), ..disposable() };
    let error = Postgres::start(other.path(), &options).unwrap_err().to_string();
    assert!(error.contains(&first.port().to_string()), "{error}");
}

#[test]
fn a_server_that_does_not_start_shows_why() {
    let dir = folder();
    let options = PostgresOptions { settings: vec![("no_such_setting".to_owned(), "1".to_owned())], ..disposable() };
    let error = Postgres::start(dir.path(), &options).unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
}

#[test]
fn a_server_that_was_left_behind_is_ended_first() {
    let dir = folder();
    let first = Postgres::start(dir.path(), &disposable()).unwrap();
    let (pid, notes) = (first.pid(), fs::read_to_string(dir.path().join("pid")).unwrap());
    drop(first);
    // Started by hand, so that nothing of this process owns it, as after a kill where there is no parent-death signal.
    let data = fs::canonicalize(dir.path()).unwrap().join("data/cluster");
    let stale = process::Command::new("sleep").arg("60").arg0_with(&data).spawn().unwrap();
    let mut stale = stale;
    fs::write(dir.path().join("pid"), notes.replace(&pid.to_string(), &stale.id().to_string())).unwrap();
    let _second = Postgres::start(dir.path(), &disposable()).unwrap();
    assert!(!stale.wait().unwrap().success());
}

/// Sets the name under which a process appears, by which a leftover is recognised.
trait NamedProcess {
    fn arg0_with(&mut self, path: &std::path::Path) -> &mut Self;
}

impl NamedProcess for process::Command {
    fn arg0_with(&mut self, path: &std::path::Path) -> &mut Self {
        use std::os::unix::process::CommandExt as _;
        self.arg0(path)
    }
}
