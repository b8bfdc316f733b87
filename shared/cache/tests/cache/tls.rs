//! The same over `rediss://`. The driver trusts the system's authorities, which a process can be told only before it starts.

use std::process::{Command, Stdio};

use dev_servers::RedisOptions;

use crate::server::Server;
use crate::{protocol, server};

const URL: &str = "KAI_CACHE_TLS_URL";

#[test]
fn every_step_holds_over_tls() {
    let server = Server::node_with(&RedisOptions { tls: true, ..RedisOptions::default() });
    let mut other_half = other_half(&server, "tls::every_step_against_the_server_of_the_process_that_started_this_one");
    other_half.env("SSL_CERT_FILE", server.redis().ca_file().unwrap());
    assert!(other_half.status().unwrap().success());
}

#[test]
fn a_server_whose_authority_nobody_trusts_gets_nothing() {
    let server = Server::node_with(&RedisOptions { tls: true, ..RedisOptions::default() });
    let status =
        other_half(&server, "tls::nothing_is_sent_to_the_server_of_the_process_that_started_this_one").status();
    assert!(status.unwrap().success());
}

fn other_half(server: &Server, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(URL, server.url()).stdout(Stdio::null());
    command
}

#[expect(clippy::disallowed_methods, reason = "the URL comes from the process that runs this half")]
fn url() -> String {
    std::env::var(URL).expect("run by every_step_holds_over_tls")
}

#[tokio::test]
#[ignore = "the other half of every_step_holds_over_tls, which runs it in a process of its own"]
async fn every_step_against_the_server_of_the_process_that_started_this_one() {
    protocol::every_step(&Server::external(url())).await;
}

#[tokio::test]
#[ignore = "the other half of a_server_whose_authority_nobody_trusts_gets_nothing"]
async fn nothing_is_sent_to_the_server_of_the_process_that_started_this_one() {
    let cache = server::cache_at(&url());
    let key = server::key();
    assert!(cache.connect().await.is_err());
    assert!(matches!(cache.read([&key]).await, [cache::Lookup::Bypass]));
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    assert!(!guard.end().await);
}
