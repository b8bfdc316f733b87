//! Tests of `cache-monitor`, the scheduled function that completes late invalidations and measures
//! the cache.

use std::time::Duration;

use api_tests::{RedisChoice, Setup, TestApp, stub_server, token_hash, wait_until};
use dev_servers::RedisCluster;
use emulator::InvocationError;
use redis::cmd;
use serde_json::{Value, json};

use super::events;

/// Runs the function and waits until it is idle.
///
/// # Errors
/// The function reported an error, which is returned.
pub(crate) async fn run(app: &TestApp) -> Result<Value, InvocationError> {
    let outcome = app.invoke("cache-monitor", &events::read("cache-monitor", "schedule")).await;
    app.emulator.idle().await;
    outcome
}

/// Runs the function until it has drained the outbox.
pub(crate) async fn drain_outbox(app: &TestApp) {
    wait_until(Duration::from_secs(10), "the outbox is drained", async || run(app).await.is_ok()).await;
}

#[tokio::test]
async fn the_outbox_is_drained_and_its_guards_are_invalidated() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let bob = app.new_user().await;
    for user in [&ada, &bob] {
        user.get("/api/journal/entries").until_hit().await;
    }
    // This write does not invalidate the cache.
    app.query("INSERT INTO journal_entries (id, user_id, content) VALUES (gen_random_uuid(), $1, 'x')", &[&ada.id])
        .await;
    let guard = format!("journal:list:{}:guard", ada.id);
    app.query("INSERT INTO cache_outbox (guard) SELECT $1 FROM generate_series(1, 250)", &[&guard]).await;
    let stale = ada.get("/api/journal/entries").until_hit().await;
    assert_eq!(stale.json()["total"], 0, "nothing has been invalidated yet");

    let outcome = run(&app).await.unwrap();
    assert_eq!(outcome, json!({"drained": 250, "purged": 0}));
    let page = ada.list_entries().await;
    assert_ne!(page.cache_status(), "hit");
    assert_eq!(page.json()["total"], 1);
    assert_eq!(run(&app).await.unwrap(), json!({"drained": 0, "purged": 0}));
}

#[tokio::test]
async fn expired_sessions_and_idempotency_keys_are_purged() {
    let app = TestApp::start().await;
    let ada = app.new_user().await;
    let (expired, revoked) = (app.open_session(ada.id).await, app.open_session(ada.id).await);
    for (sql, token) in [("expires_at = now()", &expired), ("revoked_at = now()", &revoked)] {
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

    assert_eq!(run(&app).await.unwrap(), json!({"drained": 0, "purged": 2}));
    let left: i64 =
        app.query_scalar("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM idempotency_keys)", &[]).await;
    assert_eq!(left, 3);
    assert_eq!(ada.list_entries().await.json()["total"], 2);
}

/// Returns the latest metric line that contains this metric and, if given, belongs to this family.
fn latest_metric(app: &TestApp, metric: &str, family: Option<&str>) -> Option<Value> {
    let mut lines = app.metrics().into_iter().rev();
    lines.find(|line| line.get(metric).is_some() && family.is_none_or(|family| line["Family"] == family))
}

/// Fills Redis with `number` records of a family, each of `bytes` bytes.
pub(crate) async fn populate(app: &TestApp, family: &str, number: u64, bytes: u64) {
    let (): () = app.redis(cmd("DEBUG").arg("POPULATE").arg(number).arg(family).arg(bytes)).await;
}

#[tokio::test]
async fn the_memory_of_each_family_is_estimated_and_a_family_over_its_budget_is_logged() {
    let app = TestApp::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    populate(&app, "session", 6000, 400).await;
    populate(&app, "journal:list", 3000, 30_000).await;
    populate(&app, "login", 1000, 10).await;
    run(&app).await.unwrap();

    let cache = latest_metric(&app, "CacheMemory", None).unwrap();
    let size: u64 = app.redis(&cmd("DBSIZE")).await;
    assert_eq!((&cache["CacheKeys"], size), (&json!(10_000), 10_000));
    assert!(cache["CacheMemory"].as_u64() > Some(90_000_000) && cache["CacheClients"].as_u64() > Some(0), "{cache}");
    assert_eq!(
        (&cache["CacheMemoryUsed"], &cache["CacheEvictions"]),
        (&json!(0.0), &json!(0)),
        "without a memory limit"
    );
    // The tolerance is four standard errors of a share that is estimated from 200 keys.
    for (family, keys) in [("session", 6000.0), ("journal:list", 3000.0)] {
        let memory = latest_metric(&app, "FamilyKeys", Some(family)).unwrap();
        let estimate = memory["FamilyKeys"].as_f64().unwrap();
        assert!((estimate - keys).abs() < 1400.0, "{memory}");
        let each = memory["FamilyBytes"].as_f64().unwrap() / estimate;
        let bytes: f64 = app.redis(cmd("MEMORY").arg("USAGE").arg(format!("{family}:1"))).await;
        assert!((0.85..1.15).contains(&(each / bytes)), "{each} bytes, not {bytes}: {memory}");
    }
    for family in ["user:profile", "ai:response", "conversation"] {
        let memory = latest_metric(&app, "FamilyKeys", Some(family)).unwrap();
        assert_eq!((&memory["FamilyKeys"], &memory["FamilyBudgetUsed"]), (&json!(0), &json!(0.0)), "{family}");
    }
    let warnings = app.log_records("a cache family exceeds its memory budget");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((&warnings[0]["family"], &warnings[0]["budget"]), (&json!("journal:list"), &json!(64 * 1024 * 1024)));
    let used = latest_metric(&app, "FamilyBudgetUsed", Some("journal:list")).unwrap();
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
    let cache = latest_metric(&app, "CacheEvictions", None).unwrap();
    assert_eq!(cache["CacheEvictions"], 0, "evictions before the first run do not count");
    let used = cache["CacheMemoryUsed"].as_f64().unwrap();
    assert!((50.0..=110.0).contains(&used), "{cache}");

    let before: u64 = evicted(&app).await;
    for number in 0..150 {
        let (): () = app.redis(cmd("SET").arg(format!("session:new:{number}")).arg("x".repeat(100_000))).await;
    }
    let since = evicted(&app).await - before;
    assert!(since > 0);
    let reports = || app.metrics().iter().filter(|line| line.get("CacheEvictions").is_some()).count();
    for (right, lines) in [("-info", 1), ("+info", 2)] {
        let (): () = app.redis(cmd("ACL").arg("SETUSER").arg("default").arg(right)).await;
        run(&app).await.unwrap();
        assert_eq!(reports(), lines, "an unknown number of evictions is not reported as zero");
    }
    let evictions = latest_metric(&app, "CacheEvictions", None).unwrap()["CacheEvictions"].as_u64().unwrap();
    assert!((since..evicted(&app).await).contains(&evictions), "{evictions} instead of {since} since the last run");
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
    // A late fill would change the number of keys.
    app.wait_until_idle().await;
    run(&app).await.unwrap();
    let mut keys = 0;
    for node in cluster.nodes() {
        let mut connection = redis::Client::open(node.url()).unwrap().get_connection().unwrap();
        keys += cmd("DBSIZE").query::<u64>(&mut connection).unwrap();
    }
    let cache = latest_metric(&app, "CacheKeys", None).unwrap();
    assert_eq!(cache["CacheKeys"], keys);
    assert!(cache["CacheMemory"].as_u64() > Some(3_000_000), "{cache}");
    let (sessions, lists) =
        (latest_metric(&app, "FamilyKeys", Some("session")), latest_metric(&app, "FamilyKeys", Some("journal:list")));
    assert!(sessions.unwrap()["FamilyKeys"].as_u64() > Some(0) && lists.unwrap()["FamilyKeys"].as_u64() > Some(0));
}

#[tokio::test]
async fn without_redis_the_run_fails_but_purges_the_database() {
    let app = TestApp::start_with(Setup { proxied: true, redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = app.new_user().await;
    let expired = app.open_session(ada.id).await;
    let expire = "UPDATE sessions SET expires_at = now() WHERE token_hash = $1";
    app.query(expire, &[&token_hash(&expired)]).await;
    app.query("INSERT INTO cache_outbox (guard) VALUES ('journal:list:x:guard')", &[]).await;
    app.redis_proxy.as_ref().unwrap().refuse().await;
    let error = run(&app).await.unwrap_err().to_string();
    assert!(error.contains("the cache could not be invalidated"), "{error}");
    let left: (i64, i64) = (
        app.query_scalar("SELECT count(*) FROM sessions", &[]).await,
        app.query_scalar("SELECT count(*) FROM cache_outbox", &[]).await,
    );
    assert_eq!(left, (1, 1), "the expired session is purged, and the outbox is unchanged");
    assert!(latest_metric(&app, "CacheMemory", None).is_none());
    app.redis_proxy.as_ref().unwrap().heal().await;
    // The circuit breaker is still open for up to two seconds.
    let mut outcome = Value::Null;
    wait_until(Duration::from_secs(10), "the run succeeds", async || {
        let run = run(&app).await;
        outcome = run.as_ref().cloned().unwrap_or_default();
        run.is_ok()
    })
    .await;
    assert_eq!(outcome["drained"], 1);
    assert_eq!(latest_metric(&app, "CacheOutbox", None).unwrap()["CacheOutbox"], 1);
}

/// The action of a call, and the status and the body of the response.
type Answer = (&'static str, u16, &'static str);

/// Starts a stub of `ElastiCache`. It does not respond to actions that are not listed.
fn elasticache(answers: &'static [Answer]) -> String {
    stub_server::start(|request| {
        let (_, status, xml) =
            answers.iter().find(|(action, ..)| request.body.contains(&format!("Action={action}&")))?;
        Some((*status, "text/xml", (*xml).to_owned()))
    })
}

const NO_GROUP: Answer = (
    "DescribeReplicationGroups",
    404,
    "<ErrorResponse><Error><Type>Sender</Type><Code>ReplicationGroupNotFoundFault</Code><Message>hunter2</Message></Error></ErrorResponse>",
);

async fn start_with_elasticache(answers: &'static [Answer]) -> TestApp {
    let variables = vec![("CACHE_ID", "kai".to_owned()), ("AWS_ENDPOINT_URL_ELASTICACHE", elasticache(answers))];
    TestApp::start_with(Setup { variables, ..Setup::default() }).await
}

/// Runs the function with these responses of `ElastiCache`. Returns the number of nodes, the number
/// of available nodes, and whether the cache is available.
async fn node_metrics(answers: &'static [Answer]) -> [Value; 3] {
    let app = start_with_elasticache(answers).await;
    run(&app).await.unwrap();
    let line = latest_metric(&app, "CacheNodes", None).unwrap();
    ["CacheNodes", "CacheNodesAvailable", "CacheAvailable"].map(|metric| line[metric].clone())
}

#[tokio::test]
async fn the_nodes_of_a_replication_group_are_reported() {
    let metrics = node_metrics(&[(
        "DescribeReplicationGroups",
        200,
        "<DescribeReplicationGroupsResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><DescribeReplicationGroupsResult>\
        <ReplicationGroups><ReplicationGroup><ReplicationGroupId>kai</ReplicationGroupId><Status>modifying</Status><NodeGroups>\
        <NodeGroup><NodeGroupId>0001</NodeGroupId><Status>available</Status><NodeGroupMembers><NodeGroupMember/><NodeGroupMember/></NodeGroupMembers></NodeGroup>\
        <NodeGroup><NodeGroupId>0002</NodeGroupId><Status>creating</Status><NodeGroupMembers><NodeGroupMember/></NodeGroupMembers></NodeGroup>\
        </NodeGroups></ReplicationGroup></ReplicationGroups></DescribeReplicationGroupsResult></DescribeReplicationGroupsResponse>",
    )])
    .await;
    assert_eq!(metrics, [json!(3), json!(2), json!(0)]);
}

#[tokio::test]
async fn a_serverless_cache_is_reported_as_one_node() {
    let metrics = node_metrics(&[NO_GROUP, (
        "DescribeServerlessCaches",
        200,
        "<DescribeServerlessCachesResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><DescribeServerlessCachesResult><ServerlessCaches>\
        <member><ServerlessCacheName>kai</ServerlessCacheName><Status>available</Status></member></ServerlessCaches>\
        </DescribeServerlessCachesResult></DescribeServerlessCachesResponse>",
    )])
    .await;
    assert_eq!(metrics, [json!(1), json!(1), json!(1)]);
}

#[tokio::test]
async fn the_run_succeeds_if_elasticache_rejects_the_call_or_does_not_respond() {
    const DENIED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>";
    for (app, reason) in [
        (start_with_elasticache(&[("DescribeReplicationGroups", 403, DENIED)]).await, "AccessDenied"),
        (start_with_elasticache(&[NO_GROUP]).await, "no response in time"),
        (start_with_elasticache(&[("DescribeReplicationGroups", 200, "<nothing")]).await, "a malformed response"),
    ] {
        run(&app).await.unwrap();
        assert!(
            latest_metric(&app, "CacheMemory", None).is_some() && latest_metric(&app, "CacheNodes", None).is_none()
        );
        let warnings = app.log_records(
            "could not read the state of the nodes from ElastiCache; their metrics are missing for this minute",
        );
        assert_eq!(warnings.iter().map(|warning| warning["reason"].as_str().unwrap()).collect::<Vec<_>>(), [reason]);
        assert!(!format!("{:?}", app.logs.lines()).contains("hunter2"));
    }
}
