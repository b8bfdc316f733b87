//! Runs the steps of the protocol over `rediss://`. The driver trusts the certificate authorities
//! of the system, which are determined when a process starts. The tests therefore start a second
//! process.

use std::process::{Command, Stdio};

use dev_servers::RedisOptions;

use crate::server::Server;
use crate::{protocol, server};

const URL: &str = "KAI_CACHE_TLS_URL";

#[test]
fn every_step_holds_over_tls() {
    let server = Server::node_with(&RedisOptions { tls: true, ..RedisOptions::default() });
    let mut other_half = other_half(&server, "tls::every_step_with_the_server_of_the_parent_process");
    other_half.env("SSL_CERT_FILE", server.redis().ca_file().unwrap());
    assert!(other_half.status().unwrap().success());
}

#[test]
fn nothing_is_sent_to_a_server_with_an_untrusted_authority() {
    let server = Server::node_with(&RedisOptions { tls: true, ..RedisOptions::default() });
    let status = other_half(&server, "tls::nothing_is_sent_to_the_server_of_the_parent_process").status();
    assert!(status.unwrap().success());
}

fn other_half(server: &Server, test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(URL, server.url()).stdout(Stdio::null());
    command
}

#[expect(clippy::disallowed_methods, reason = "the URL comes from the parent process")]
fn url() -> String {
    std::env::var(URL).expect("the parent process sets the URL")
}

#[tokio::test]
#[ignore = "every_step_holds_over_tls runs it in another process"]
async fn every_step_with_the_server_of_the_parent_process() {
    protocol::every_step(&Server::external(url())).await;
}

#[tokio::test]
#[ignore = "nothing_is_sent_to_a_server_with_an_untrusted_authority runs it in another process"]
async fn nothing_is_sent_to_the_server_of_the_parent_process() {
    let cache = server::cache_at(&url());
    let key = server::key();
    assert!(cache.connect().await.is_err());
    assert!(matches!(cache.read([&key]).await, [cache::Lookup::Bypass]));
    let guard = cache.begin(vec![key.guard().to_owned()]).await;
    assert_eq!(guard.unmarked(), [key.guard()]);
    assert!(!guard.end().await);
}
