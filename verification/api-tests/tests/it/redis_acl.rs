//! The permissions of the functions in Redis. They are exactly those that the functions need.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use api_tests::{RedisChoice, Setup, TestApp};
use dev_servers::{Redis, RedisOptions};
use redis::{Value, cmd};
use serde_json::json;

use super::cache_monitor;

/// Reads the access rules of the user from the template of ElastiCache.
fn access_rules() -> Vec<String> {
    let template = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/data.yaml");
    let text = fs::read_to_string(template).unwrap();
    let (_, rest) = text.split_once("AccessString: >-\n").unwrap();
    let lines = rest.lines().take_while(|line| line.starts_with("        "));
    // Redis has had this command only since version 7.2, and the driver works without it.
    lines.flat_map(str::split_whitespace).filter(|rule| *rule != "+client|setinfo").map(str::to_owned).collect()
}

#[tokio::test]
async fn the_redis_user_may_run_exactly_the_commands_that_the_functions_need() {
    let folder = tempfile::tempdir().unwrap();
    let redis = Redis::start(folder.path(), &RedisOptions::default()).unwrap();
    let mut admin = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    cmd("ACL").arg("SETUSER").arg("kai").arg(">herons").arg(access_rules()).exec(&mut admin).unwrap();
    let url = redis.url().replace("redis://", "redis://kai:herons@");
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(url.clone()), ..Setup::default() }).await;

    let ada = app.register_and_login().await;
    app.anonymous().post("/api/auth/login", &json!({"email": ada.email, "password": "wrong"})).await;
    ada.create_entry("after the rain").await;
    for path in ["/api/journal/entries", "/api/journal/insights", "/api/chat/history", "/api/auth/me"] {
        ada.get(path).until_hit().await;
    }
    ada.get(ada.profile_path()).until_hit().await;
    for _ in 0..2 {
        ada.post("/api/chat", &json!({"message": "How can I sleep better?"})).await.expect_success();
    }
    ada.create_entry("a second one").await;
    assert_eq!(ada.get("/api/journal/entries").await.expect_success()["total"], 2);
    cache_monitor::run(&app).await.unwrap();
    assert_eq!(ada.request("POST", "/api/auth/refresh").await.status, 200);
    let bob = app.register_and_login().await;
    assert_eq!(bob.request("DELETE", "/api/account").await.status, 204);

    let log: Vec<HashMap<String, Value>> = cmd("ACL").arg("LOG").query(&mut admin).unwrap();
    let object = |entry: &HashMap<String, Value>| redis::from_redis_value_ref::<String>(&entry["object"]).unwrap();
    let denied: BTreeSet<String> = log.iter().map(object).collect();
    assert!(denied.is_empty(), "{denied:?}");

    let mut user = redis::Client::open(url).unwrap().get_connection().unwrap();
    for forbidden in
        [&["FLUSHALL"][..], &["KEYS", "*"], &["CONFIG", "GET", "*"], &["GET", "another:key"], &["ACL", "LIST"]]
    {
        let error = cmd(forbidden[0]).arg(&forbidden[1..]).exec(&mut user).unwrap_err();
        assert_eq!(error.code(), Some("NOPERM"), "{forbidden:?}");
    }
}
