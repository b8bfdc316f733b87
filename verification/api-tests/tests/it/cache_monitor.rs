//! The function on a schedule that finishes what the cache could not be told in time.

use std::time::Duration;

use api_tests::{RedisChoice, Setup, TestApp, stub_server, token_hash};
use dev_servers::RedisCluster;
use redis::cmd;
use serde_json::{Value, json};

#[tokio::test]
async fn the_outbox_is_drained_and_its_guards_are_invalidated() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let bob = app.new_user().await;
    for user in [&ada, &bob] {
        user.get("/api/journal/entries").until_hit().await;
    }
    // A write that Redis was not told about.
    app.query("INSERT INTO journal_entries (id, user_id, content) VALUES (gen_random_uuid(), $1, 'x')", &[&ada.id])
        .await;
    let guard = format!("journal:list:{}:guard", ada.id);
    app.query("INSERT INTO cache_outbox (guard) SELECT $1 FROM generate_series(1, 250)", &[&guard]).await;
    let stale = ada.get("/api/journal/entries").until_hit().await;
    assert_eq!(stale.json()["total"], 0, "nothing has been invalidated yet");

    let event = super::events::read("cache-monitor", "schedule");
    let done = app.invoke("cache-monitor", &event).await.unwrap();
    assert_eq!(done, json!({"drained": 250, "purged": 0}));
    let page = ada.list_entries().await;
    assert_ne!(page.cache_status(), "hit");
    assert_eq!(page.json()["total"], 1);
    let again = app.invoke("cache-monitor", &event).await.unwrap();
    assert_eq!(again, json!({"drained": 0, "purged": 0}));
}

#[tokio::test]
async fn expired_sessions_and_idempotency_keys_are_purged() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let (dead, revoked) = (app.open_session(ada.id).await, app.open_session(ada.id).await);
    for (sql, token) in [("expires_at = now()", &dead), ("revoked_at = now()", &revoked)] {
        app.query(&format!("UPDATE sessions SET {sql} WHERE token_hash = $1"), &[&token_hash(token)]).await;
    }
    for key in ["one", "two"] {
        let entry = ada.post("/api/journal/entries", &json!({"content": "x"}));
        entry.header("idempotency-key", key).await.expect_success();
    }
    app.query(
        "UPDATE idempotency_keys SET expires_at = now() WHERE ctid = (SELECT min(ctid) FROM idempotency_keys)",
        &[],
    )
    .await;

    let done = app.invoke("cache-monitor", &super::events::read("cache-monitor", "schedule")).await.unwrap();
    assert_eq!(done, json!({"drained": 0, "purged": 2}));
    let left: i64 =
        app.query_scalar("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM idempotency_keys)", &[]).await;
    assert_eq!(left, 3);
    assert_eq!(ada.list_entries().await.json()["total"], 2);
}

/// The line of a run that has this metric, of this family if it is a family's.
fn reading(app: &TestApp, metric: &str, family: Option<&str>) -> Option<Value> {
    let mut lines = app.metrics().into_iter().rev();
    lines.find(|line| line.get(metric).is_some() && family.is_none_or(|family| line["Family"] == family))
}

async fn run(app: &TestApp) -> Result<Value, emulator::InvocationError> {
    let done = app.invoke("cache-monitor", &super::events::read("cache-monitor", "schedule")).await;
    app.emulator.idle().await;
    done
}

fn warnings(app: &TestApp, message: &str) -> Vec<Value> {
    let lines = app.logs.lines();
    lines
        .iter()
        .filter(|line| line.text.contains(message))
        .map(|line| serde_json::from_str(&line.text).unwrap())
        .collect()
}

/// Puts in so many records of a family, of so many bytes each.
async fn populate(app: &TestApp, family: &str, number: u64, bytes: u64) {
    let (): () = app.redis(cmd("DEBUG").arg("POPULATE").arg(number).arg(family).arg(bytes)).await;
}

#[tokio::test]
async fn the_memory_of_each_family_is_estimated_and_one_over_its_budget_is_logged() {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    populate(&app, "session", 6000, 400).await;
    populate(&app, "journal:list", 3000, 30_000).await;
    populate(&app, "login", 1000, 10).await;
    run(&app).await.unwrap();

    let cache = reading(&app, "CacheMemory", None).unwrap();
    let size: u64 = app.redis(&cmd("DBSIZE")).await;
    assert_eq!((&cache["CacheKeys"], size), (&json!(10_000), 10_000));
    assert!(cache["CacheMemory"].as_u64() > Some(90_000_000) && cache["CacheClients"].as_u64() > Some(0), "{cache}");
    assert_eq!((&cache["CacheMemoryUsed"], &cache["CacheEvictions"]), (&json!(0.0), &json!(0)), "there is no limit");
    // Four standard errors of a share that is estimated from two hundred keys.
    for (family, keys) in [("session", 6000.0), ("journal:list", 3000.0)] {
        let memory = reading(&app, "FamilyKeys", Some(family)).unwrap();
        let told = memory["FamilyKeys"].as_f64().unwrap();
        assert!((told - keys).abs() < 1400.0, "{memory}");
        let each = memory["FamilyBytes"].as_f64().unwrap() / told;
        let bytes: f64 = app.redis(cmd("MEMORY").arg("USAGE").arg(format!("{family}:1"))).await;
        assert!((0.85..1.15).contains(&(each / bytes)), "{each} bytes, not {bytes}: {memory}");
    }
    for family in ["user:profile", "ai:response", "conversation"] {
        let memory = reading(&app, "FamilyKeys", Some(family)).unwrap();
        assert_eq!((&memory["FamilyKeys"], &memory["FamilyBudgetUsed"]), (&json!(0), &json!(0.0)), "{family}");
    }
    let warnings = warnings(&app, "a family is over its budget");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((&warnings[0]["family"], &warnings[0]["budget"]), (&json!("journal:list"), &json!(64 * 1024 * 1024)));
    let used = reading(&app, "FamilyBudgetUsed", Some("journal:list")).unwrap();
    assert!(used["FamilyBudgetUsed"].as_f64() > Some(100.0), "{used}");
}

#[tokio::test]
async fn evictions_since_the_last_run_are_reported() {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    for (name, value) in [("maxmemory", "20mb"), ("maxmemory-policy", "allkeys-lru")] {
        let (): () = app.redis(cmd("CONFIG").arg("SET").arg(name).arg(value)).await;
    }
    populate(&app, "session", 1000, 30_000).await;
    assert!(evicted(&app).await > 0);
    run(&app).await.unwrap();
    let cache = reading(&app, "CacheEvictions", None).unwrap();
    assert_eq!(cache["CacheEvictions"], 0, "what was before the first run is not of the last minute");
    let used = cache["CacheMemoryUsed"].as_f64().unwrap();
    assert!((50.0..=110.0).contains(&used), "{cache}");

    let before: u64 = evicted(&app).await;
    for number in 0..150 {
        let (): () = app.redis(cmd("SET").arg(format!("session:new:{number}")).arg("x".repeat(100_000))).await;
    }
    let since = evicted(&app).await - before;
    assert!(since > 0);
    let told = || app.metrics().iter().filter(|line| line.get("CacheEvictions").is_some()).count();
    for (right, lines) in [("-info", 1), ("+info", 2)] {
        let (): () = app.redis(cmd("ACL").arg("SETUSER").arg("default").arg(right)).await;
        run(&app).await.unwrap();
        assert_eq!(told(), lines, "what Redis refuses to tell is not nought");
    }
    let evictions = reading(&app, "CacheEvictions", None).unwrap()["CacheEvictions"].as_u64().unwrap();
    assert!((since..evicted(&app).await).contains(&evictions), "{evictions} where {since} were since the last reading");
}

async fn evicted(app: &TestApp) -> u64 {
    let info: String = app.redis(cmd("INFO").arg("stats")).await;
    info.lines().find_map(|line| line.strip_prefix("evicted_keys:")).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn the_metrics_of_all_primaries_of_a_cluster_are_summed() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 3).unwrap();
    let app = TestApp::start_with(Setup { redis: RedisChoice::At(cluster.url()), ..Setup::default() }).await;
    for _ in 0..20 {
        app.new_user().await.list_entries().await;
    }
    run(&app).await.unwrap();
    let mut keys = 0;
    for node in cluster.nodes() {
        let mut connection = redis::Client::open(node.url()).unwrap().get_connection().unwrap();
        keys += cmd("DBSIZE").query::<u64>(&mut connection).unwrap();
    }
    let cache = reading(&app, "CacheKeys", None).unwrap();
    assert_eq!(cache["CacheKeys"], keys);
    assert!(cache["CacheMemory"].as_u64() > Some(3_000_000), "{cache}");
    let (sessions, lists) =
        (reading(&app, "FamilyKeys", Some("session")), reading(&app, "FamilyKeys", Some("journal:list")));
    assert!(sessions.unwrap()["FamilyKeys"].as_u64() > Some(0) && lists.unwrap()["FamilyKeys"].as_u64() > Some(0));
}

#[tokio::test]
async fn without_redis_the_run_fails_but_purges_the_database() {
    let app = TestApp::start_with(Setup { proxied: true, redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = app.new_user().await;
    let dead = app.open_session(ada.id).await;
    let expire = "UPDATE sessions SET expires_at = now() WHERE token_hash = $1";
    app.query(expire, &[&token_hash(&dead)]).await;
    app.query("INSERT INTO cache_outbox (guard) VALUES ('journal:list:x:guard')", &[]).await;
    app.redis_proxy.as_ref().unwrap().refuse().await;
    let error = run(&app).await.unwrap_err().to_string();
    assert!(error.contains("the cache could not be told"), "{error}");
    let left: (i64, i64) = (
        app.query_scalar("SELECT count(*) FROM sessions", &[]).await,
        app.query_scalar("SELECT count(*) FROM cache_outbox", &[]).await,
    );
    assert_eq!(left, (1, 1), "the expired session is gone, and what could not be told is kept");
    assert!(reading(&app, "CacheMemory", None).is_none());
    app.redis_proxy.as_ref().unwrap().heal().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(run(&app).await.unwrap()["drained"], 1);
    assert_eq!(reading(&app, "CacheOutbox", None).unwrap()["CacheOutbox"], 1);
}

/// `ElastiCache`, as far as it answers these questions: by the name of the action, a status and a body. Another one is never answered.
fn elasticache(answers: &'static [(&'static str, u16, &'static str)]) -> String {
    stub_server::start(|question| {
        let (_, status, xml) =
            answers.iter().find(|(action, ..)| question.body.contains(&format!("Action={action}&")))?;
        Some((*status, "text/xml", (*xml).to_owned()))
    })
}

const NO_GROUP: (&str, u16, &str) = (
    "DescribeReplicationGroups",
    404,
    "<ErrorResponse><Error><Type>Sender</Type><Code>ReplicationGroupNotFoundFault</Code><Message>hunter2</Message></Error></ErrorResponse>",
);

async fn watching(answers: &'static [(&'static str, u16, &'static str)]) -> TestApp {
    let variables = vec![("CACHE_ID", "kai".to_owned()), ("AWS_ENDPOINT_URL_ELASTICACHE", elasticache(answers))];
    TestApp::start_with(Setup { variables, ..Setup::default() }).await
}

#[tokio::test]
async fn the_nodes_of_a_replication_group_are_reported() {
    let app = watching(&[(
        "DescribeReplicationGroups",
        200,
        "<DescribeReplicationGroupsResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><DescribeReplicationGroupsResult>\
        <ReplicationGroups><ReplicationGroup><ReplicationGroupId>kai</ReplicationGroupId><Status>modifying</Status><NodeGroups>\
        <NodeGroup><NodeGroupId>0001</NodeGroupId><Status>available</Status><NodeGroupMembers><NodeGroupMember/><NodeGroupMember/></NodeGroupMembers></NodeGroup>\
        <NodeGroup><NodeGroupId>0002</NodeGroupId><Status>creating</Status><NodeGroupMembers><NodeGroupMember/></NodeGroupMembers></NodeGroup>\
        </NodeGroups></ReplicationGroup></ReplicationGroups></DescribeReplicationGroupsResult></DescribeReplicationGroupsResponse>",
    )])
    .await;
    run(&app).await.unwrap();
    let nodes = reading(&app, "CacheNodes", None).unwrap();
    assert_eq!(
        (&nodes["CacheNodes"], &nodes["CacheNodesAvailable"], &nodes["CacheAvailable"]),
        (&json!(3), &json!(2), &json!(0))
    );
}

#[tokio::test]
async fn a_serverless_cache_is_reported_as_one_node() {
    let app = watching(&[NO_GROUP, (
        "DescribeServerlessCaches",
        200,
        "<DescribeServerlessCachesResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><DescribeServerlessCachesResult><ServerlessCaches>\
        <member><ServerlessCacheName>kai</ServerlessCacheName><Status>available</Status></member></ServerlessCaches>\
        </DescribeServerlessCachesResult></DescribeServerlessCachesResponse>",
    )])
    .await;
    run(&app).await.unwrap();
    let nodes = reading(&app, "CacheNodes", None).unwrap();
    assert_eq!(
        (&nodes["CacheNodes"], &nodes["CacheNodesAvailable"], &nodes["CacheAvailable"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn an_elasticache_that_refuses_or_hangs_does_not_stop_the_run() {
    const DENIED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>";
    for (app, reason) in [
        (watching(&[("DescribeReplicationGroups", 403, DENIED)]).await, "AccessDenied"),
        (watching(&[NO_GROUP]).await, "no answer in time"),
        (watching(&[("DescribeReplicationGroups", 200, "<nothing")]).await, "an answer that cannot be read"),
    ] {
        run(&app).await.unwrap();
        assert!(reading(&app, "CacheMemory", None).is_some() && reading(&app, "CacheNodes", None).is_none());
        let warnings = warnings(&app, "ElastiCache did not tell of the nodes");
        assert_eq!(warnings.iter().map(|warning| warning["reason"].as_str().unwrap()).collect::<Vec<_>>(), [reason]);
        assert!(!format!("{:?}", app.logs.lines()).contains("hunter2"));
    }
}
