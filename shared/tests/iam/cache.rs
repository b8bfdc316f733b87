//! Tests with ElastiCache tokens: a Redis user whose password is the token.

use std::sync::Arc;

use dev_servers::{Redis, RedisOptions};
use redis::cmd;
use shared::aws::CacheKind;
use shared::cache::{Cache, Url};
use shared::config::with_cache_tokens;
use shared::metrics::RequestMetrics;
use shared::net::http_client::{self, SendError};
use shared::secret::SecretKey;

use crate::{Stopped, USER, in_a_process_that_trusts, url};

const CACHE: &str = "kai-prod";

#[test]
fn each_connection_to_the_cache_uses_a_new_token() {
    let folder = tempfile::tempdir().unwrap();
    let redis = Redis::start(folder.path(), &RedisOptions { tls: true, ..RedisOptions::default() }).unwrap();
    // A process that does not trust the authority of the server gets no connection.
    assert_eq!(ask("localhost", redis.port()), SendError::NoConnection);
    in_a_process_that_trusts(
        redis.ca_file().unwrap(),
        &redis.url(),
        "cache::connections_with_tokens_to_the_server_of_the_parent_process",
    );
    let requests = "cache::requests_to_the_server_of_the_parent_process";
    in_a_process_that_trusts(redis.ca_file().unwrap(), &redis.url(), requests);
}

#[tokio::test]
#[ignore = "each_connection_to_the_cache_uses_a_new_token runs it in another process"]
async fn connections_with_tokens_to_the_server_of_the_parent_process() {
    let clock = Stopped::new();
    let url = url();
    let admin = redis::Client::open(url.as_str()).unwrap();
    let disconnect = || cmd("CLIENT").arg(&["KILL", "USER", USER]).exec(&mut admin.get_connection().unwrap()).unwrap();
    let expect = |kind| {
        let token = clock.identity().cache_token(CACHE, kind, USER).unwrap();
        let password = format!(">{}", token.expose());
        let rules = ["SETUSER", USER, "on", "resetpass", &password, "~*", "&*", "+@all"];
        cmd("ACL").arg(&rules).exec(&mut admin.get_connection().unwrap()).unwrap();
        disconnect();
    };
    for kind in [CacheKind::ReplicationGroup, CacheKind::Serverless] {
        expect(kind);
        let signed: Url = url.replace("rediss://", &format!("rediss://{USER}@")).parse().unwrap();
        let signed = with_cache_tokens(signed, clock.identity(), CACHE, kind).unwrap();
        let cache = Cache::new(&signed, &SecretKey::new([7; 32]), Arc::new(RequestMetrics::default()));
        assert!(cache.ping().await.is_ok());
        clock.move_on();
        assert!(cache.ping().await.is_ok(), "an open connection must remain open");
        expect(kind);
        assert!(cache.ping().await.is_ok(), "a new connection must have a new token");
        clock.move_on();
        disconnect();
        assert!(cache.ping().await.is_err(), "the server must reject the token of another time");
    }
}

#[test]
#[ignore = "each_connection_to_the_cache_uses_a_new_token runs it in another process"]
fn requests_to_the_server_of_the_parent_process() {
    let url = url();
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    // The server replies, but does not use HTTP.
    assert_eq!(ask("localhost", port), SendError::Broken);
    // The same server at an address that its certificate does not contain.
    assert_eq!(ask("[::ffff:127.0.0.1]", port), SendError::NoConnection);
}

/// Sends an HTTP request over TLS, and returns its error.
fn ask(host: &str, port: u16) -> SendError {
    let request = http::Request::get(format!("https://{host}:{port}/")).body(Vec::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(http_client::send(request, 1024)).unwrap_err()
}

#[test]
fn a_token_is_not_used_without_tls_or_instead_of_a_password() {
    let identity = Stopped::new().identity();
    for (url, fits) in [
        ("rediss://kai@cache", true),
        ("redis-cluster://kai@cache:6379?tls=true", true),
        ("redis://kai@cache", false),
        ("redis-cluster://kai@cache:6379", false),
        ("rediss://cache", false),
        ("rediss://kai:hunter2@cache", false),
    ] {
        let url_parsed: Url = url.parse().unwrap();
        let signed = with_cache_tokens(url_parsed, identity.clone(), CACHE, CacheKind::Serverless);
        assert_eq!(signed.is_some(), fits, "{url}");
    }
}
