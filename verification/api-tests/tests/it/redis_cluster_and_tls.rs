//! A Redis cluster, and Redis over TLS.

use api_tests::{RedisChoice, Response, Setup, TestApp};
use dev_servers::{Redis, RedisCluster, RedisOptions};
use redis::cmd;

use super::scenario;

fn connect(url: &str) -> redis::Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

#[tokio::test]
async fn journal_and_profile_work_on_a_cluster_of_three_shards() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 3).unwrap();
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(cluster.url()), ..Setup::default() }).await;
    scenario::journal_and_profile(&app).await;
    let mut records = 0;
    for node in cluster.nodes() {
        let mut connection = connect(&node.url());
        let lists: Vec<String> = cmd("KEYS").arg("journal:list:*:page:*").query(&mut connection).unwrap();
        let all: u64 = cmd("DBSIZE").query(&mut connection).unwrap();
        assert!(all > 0, "a shard has no keys");
        records += lists.len();
    }
    // There are at least two pages for each of four users.
    assert!(records >= 8, "{records} lists in the cluster");
    app.anonymous().get("/health").until("healthy response", Response::is_healthy).await;
}

#[tokio::test]
async fn journal_and_profile_work_over_tls_with_a_trusted_ca() {
    let folder = tempfile::tempdir().unwrap();
    let redis = Redis::start(folder.path(), &RedisOptions { tls: true, ..RedisOptions::default() }).unwrap();
    let ca_file = redis.ca_file().unwrap().display().to_string();
    let variables = vec![("SSL_CERT_FILE", ca_file)];
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(redis.url()), variables, ..Setup::default() }).await;
    scenario::journal_and_profile(&app).await;
    app.anonymous().get("/health").until("healthy response", Response::is_healthy).await;
}

#[tokio::test]
async fn with_an_untrusted_ca_requests_are_served_without_redis() {
    let folder = tempfile::tempdir().unwrap();
    let redis = Redis::start(folder.path(), &RedisOptions { tls: true, ..RedisOptions::default() }).unwrap();
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(redis.url()), ..Setup::default() }).await;
    let ada = app.register_and_login().await;
    ada.create_entry("an entry").await;
    let page = ada.list_entries().await;
    assert_eq!((page.cache_status(), &page.json()["total"]), ("bypass", &1.into()));
    let health = app.anonymous().get("/health").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &"degraded".into()));
}
