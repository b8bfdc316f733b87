//! The function on a schedule that finishes what the cache could not be told in time.

use std::time::Duration;

use api_tests::{Kai, RedisChoice, Setup, fake};
use dev_servers::RedisCluster;
use redis::cmd;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_in_the_outbox_is_invalidated_once_and_for_all() {
    let kai = Kai::start().await;
    let ada = kai.settle().await;
    let bob = kai.settle().await;
    for person in [&ada, &bob] {
        person.get("/api/journal/entries").until_hit().await;
    }
    // A write that Redis was not told about.
    kai.query("INSERT INTO journal_entries (id, user_id, content) VALUES (gen_random_uuid(), $1, 'x')", &[&ada.id])
        .await;
    let guard = format!("journal:list:{}:guard", ada.id);
    kai.query("INSERT INTO cache_outbox (guard) SELECT $1 FROM generate_series(1, 250)", &[&guard]).await;
    let stale = ada.get("/api/journal/entries").until_hit().await;
    assert_eq!(stale.json()["total"], 0, "nothing has been invalidated yet");

    let event = super::events::read("cache-monitor", "schedule");
    let done = kai.invoke("cache-monitor", &event).await.unwrap();
    assert_eq!(done, json!({"drained": 250, "purged": 0}));
    let page = ada.list().await;
    assert_ne!(page.cache(), "hit");
    assert_eq!(page.json()["total"], 1);
    let again = kai.invoke("cache-monitor", &event).await.unwrap();
    assert_eq!(again, json!({"drained": 0, "purged": 0}));
}

#[tokio::test]
async fn what_has_expired_is_swept_up_and_what_has_not_stays() {
    let kai = Kai::start().await;
    let ada = kai.settle().await;
    let (dead, revoked) = (kai.open_session(ada.id).await, kai.open_session(ada.id).await);
    for (sql, token) in [("expires_at = now()", &dead), ("revoked_at = now()", &revoked)] {
        kai.query(&format!("UPDATE sessions SET {sql} WHERE token_hash = $1"), &[&super::at_rest::hash(token)]).await;
    }
    for key in ["one", "two"] {
        let entry = ada.post("/api/journal/entries", &json!({"content": "x"}));
        entry.header("idempotency-key", key).await.good();
    }
    kai.query(
        "UPDATE idempotency_keys SET expires_at = now() WHERE ctid = (SELECT min(ctid) FROM idempotency_keys)",
        &[],
    )
    .await;

    let done = kai.invoke("cache-monitor", &super::events::read("cache-monitor", "schedule")).await.unwrap();
    assert_eq!(done, json!({"drained": 0, "purged": 2}));
    let left: i64 =
        kai.value("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM idempotency_keys)", &[]).await;
    assert_eq!(left, 3);
    assert_eq!(ada.list().await.json()["total"], 2);
}

/// The line of a run that has this metric, of this family if it is a family's.
fn reading(kai: &Kai, metric: &str, family: Option<&str>) -> Option<Value> {
    let mut lines = kai.metrics().into_iter().rev();
    lines.find(|line| line.get(metric).is_some() && family.is_none_or(|family| line["Family"] == family))
}

async fn run(kai: &Kai) -> Result<Value, emulator::InvocationError> {
    let done = kai.invoke("cache-monitor", &super::events::read("cache-monitor", "schedule")).await;
    kai.emulator.idle().await;
    done
}

fn warnings(kai: &Kai, message: &str) -> Vec<Value> {
    let lines = kai.logs.lines();
    lines
        .iter()
        .filter(|line| line.text.contains(message))
        .map(|line| serde_json::from_str(&line.text).unwrap())
        .collect()
}

/// Puts in so many records of a family, of so many bytes each.
async fn populate(kai: &Kai, family: &str, number: u64, bytes: u64) {
    let (): () = kai.redis(cmd("DEBUG").arg("POPULATE").arg(number).arg(family).arg(bytes)).await;
}

#[tokio::test]
async fn what_each_family_takes_up_is_estimated_and_one_over_its_budget_is_told() {
    let kai = Kai::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    populate(&kai, "session", 6000, 400).await;
    populate(&kai, "journal:list", 3000, 30_000).await;
    populate(&kai, "login", 1000, 10).await;
    run(&kai).await.unwrap();

    let cache = reading(&kai, "CacheMemory", None).unwrap();
    let size: u64 = kai.redis(&cmd("DBSIZE")).await;
    assert_eq!((&cache["CacheKeys"], size), (&json!(10_000), 10_000));
    assert!(cache["CacheMemory"].as_u64() > Some(90_000_000) && cache["CacheClients"].as_u64() > Some(0), "{cache}");
    assert_eq!((&cache["CacheMemoryUsed"], &cache["CacheEvictions"]), (&json!(0.0), &json!(0)), "there is no limit");
    // Four standard errors of a share that is estimated from two hundred keys.
    for (family, keys) in [("session", 6000.0), ("journal:list", 3000.0)] {
        let memory = reading(&kai, "FamilyKeys", Some(family)).unwrap();
        let told = memory["FamilyKeys"].as_f64().unwrap();
        assert!((told - keys).abs() < 1400.0, "{memory}");
        let each = memory["FamilyBytes"].as_f64().unwrap() / told;
        let bytes: f64 = kai.redis(cmd("MEMORY").arg("USAGE").arg(format!("{family}:1"))).await;
        assert!((0.85..1.15).contains(&(each / bytes)), "{each} bytes, not {bytes}: {memory}");
    }
    for family in ["user:profile", "ai:response", "conversation"] {
        let memory = reading(&kai, "FamilyKeys", Some(family)).unwrap();
        assert_eq!((&memory["FamilyKeys"], &memory["FamilyBudgetUsed"]), (&json!(0), &json!(0.0)), "{family}");
    }
    let warnings = warnings(&kai, "a family is over its budget");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((&warnings[0]["family"], &warnings[0]["budget"]), (&json!("journal:list"), &json!(64 * 1024 * 1024)));
    let used = reading(&kai, "FamilyBudgetUsed", Some("journal:list")).unwrap();
    assert!(used["FamilyBudgetUsed"].as_f64() > Some(100.0), "{used}");
}

#[tokio::test]
async fn evictions_since_the_last_run_are_told() {
    let kai = Kai::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    for (name, value) in [("maxmemory", "20mb"), ("maxmemory-policy", "allkeys-lru")] {
        let (): () = kai.redis(cmd("CONFIG").arg("SET").arg(name).arg(value)).await;
    }
    populate(&kai, "session", 1000, 30_000).await;
    assert!(evicted(&kai).await > 0);
    run(&kai).await.unwrap();
    let cache = reading(&kai, "CacheEvictions", None).unwrap();
    assert_eq!(cache["CacheEvictions"], 0, "what was before the first run is not of the last minute");
    let used = cache["CacheMemoryUsed"].as_f64().unwrap();
    assert!((50.0..=110.0).contains(&used), "{cache}");

    let before: u64 = evicted(&kai).await;
    for number in 0..150 {
        let (): () = kai.redis(cmd("SET").arg(format!("session:new:{number}")).arg("x".repeat(100_000))).await;
    }
    let since = evicted(&kai).await - before;
    assert!(since > 0);
    let told = || kai.metrics().iter().filter(|line| line.get("CacheEvictions").is_some()).count();
    for (right, lines) in [("-info", 1), ("+info", 2)] {
        let (): () = kai.redis(cmd("ACL").arg("SETUSER").arg("default").arg(right)).await;
        run(&kai).await.unwrap();
        assert_eq!(told(), lines, "what Redis refuses to tell is not nought");
    }
    let evictions = reading(&kai, "CacheEvictions", None).unwrap()["CacheEvictions"].as_u64().unwrap();
    assert!((since..evicted(&kai).await).contains(&evictions), "{evictions} where {since} were since the last reading");
}

async fn evicted(kai: &Kai) -> u64 {
    let info: String = kai.redis(cmd("INFO").arg("stats")).await;
    info.lines().find_map(|line| line.strip_prefix("evicted_keys:")).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn the_primaries_of_a_cluster_are_added_up() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = RedisCluster::start(folder.path(), 3).unwrap();
    let kai = Kai::start_with(Setup { redis: RedisChoice::At(cluster.url()), ..Setup::default() }).await;
    for _ in 0..20 {
        kai.settle().await.list().await;
    }
    run(&kai).await.unwrap();
    let mut keys = 0;
    for node in cluster.nodes() {
        let mut connection = redis::Client::open(node.url()).unwrap().get_connection().unwrap();
        keys += cmd("DBSIZE").query::<u64>(&mut connection).unwrap();
    }
    let cache = reading(&kai, "CacheKeys", None).unwrap();
    assert_eq!(cache["CacheKeys"], keys);
    assert!(cache["CacheMemory"].as_u64() > Some(3_000_000), "{cache}");
    let (sessions, lists) =
        (reading(&kai, "FamilyKeys", Some("session")), reading(&kai, "FamilyKeys", Some("journal:list")));
    assert!(sessions.unwrap()["FamilyKeys"].as_u64() > Some(0) && lists.unwrap()["FamilyKeys"].as_u64() > Some(0));
}

#[tokio::test]
async fn without_redis_the_run_fails_and_what_needs_no_redis_is_done() {
    let kai = Kai::start_with(Setup { proxied: true, redis: RedisChoice::Own, ..Setup::default() }).await;
    let ada = kai.settle().await;
    let dead = kai.open_session(ada.id).await;
    let expire = "UPDATE sessions SET expires_at = now() WHERE token_hash = $1";
    kai.query(expire, &[&super::at_rest::hash(&dead)]).await;
    kai.query("INSERT INTO cache_outbox (guard) VALUES ('journal:list:x:guard')", &[]).await;
    kai.redis_proxy.as_ref().unwrap().refuse().await;
    let error = run(&kai).await.unwrap_err().to_string();
    assert!(error.contains("the cache could not be told"), "{error}");
    let left: (i64, i64) = (
        kai.value("SELECT count(*) FROM sessions", &[]).await,
        kai.value("SELECT count(*) FROM cache_outbox", &[]).await,
    );
    assert_eq!(left, (1, 1), "the expired session is gone, and what could not be told is kept");
    assert!(reading(&kai, "CacheMemory", None).is_none());
    kai.redis_proxy.as_ref().unwrap().heal().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(run(&kai).await.unwrap()["drained"], 1);
    assert_eq!(reading(&kai, "CacheOutbox", None).unwrap()["CacheOutbox"], 1);
}

/// `ElastiCache`, as far as it answers these questions: by the name of the action, a status and a body. Another one is never answered.
fn elasticache(answers: &'static [(&'static str, u16, &'static str)]) -> String {
    fake::start(|question| {
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

async fn watching(answers: &'static [(&'static str, u16, &'static str)]) -> Kai {
    let variables = vec![("CACHE_ID", "kai".to_owned()), ("AWS_ENDPOINT_URL_ELASTICACHE", elasticache(answers))];
    Kai::start_with(Setup { variables, ..Setup::default() }).await
}

#[tokio::test]
async fn the_nodes_of_a_replication_group_are_told_as_elasticache_tells_them() {
    let kai = watching(&[(
        "DescribeReplicationGroups",
        200,
        "<DescribeReplicationGroupsResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><DescribeReplicationGroupsResult>\
        <ReplicationGroups><ReplicationGroup><ReplicationGroupId>kai</ReplicationGroupId><Status>modifying</Status><NodeGroups>\
        <NodeGroup><NodeGroupId>0001</NodeGroupId><Status>available</Status><NodeGroupMembers><NodeGroupMember/><NodeGroupMember/></NodeGroupMembers></NodeGroup>\
        <NodeGroup><NodeGroupId>0002</NodeGroupId><Status>creating</Status><NodeGroupMembers><NodeGroupMember/></NodeGroupMembers></NodeGroup>\
        </NodeGroups></ReplicationGroup></ReplicationGroups></DescribeReplicationGroupsResult></DescribeReplicationGroupsResponse>",
    )])
    .await;
    run(&kai).await.unwrap();
    let nodes = reading(&kai, "CacheNodes", None).unwrap();
    assert_eq!(
        (&nodes["CacheNodes"], &nodes["CacheNodesAvailable"], &nodes["CacheAvailable"]),
        (&json!(3), &json!(2), &json!(0))
    );
}

#[tokio::test]
async fn a_serverless_cache_is_there_or_not() {
    let kai = watching(&[NO_GROUP, (
        "DescribeServerlessCaches",
        200,
        "<DescribeServerlessCachesResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><DescribeServerlessCachesResult><ServerlessCaches>\
        <member><ServerlessCacheName>kai</ServerlessCacheName><Status>available</Status></member></ServerlessCaches>\
        </DescribeServerlessCachesResult></DescribeServerlessCachesResponse>",
    )])
    .await;
    run(&kai).await.unwrap();
    let nodes = reading(&kai, "CacheNodes", None).unwrap();
    assert_eq!(
        (&nodes["CacheNodes"], &nodes["CacheNodesAvailable"], &nodes["CacheAvailable"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn an_elasticache_that_refuses_or_hangs_keeps_nothing_else_from_being_done() {
    const DENIED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>hunter2</Message></Error></ErrorResponse>";
    for (kai, reason) in [
        (watching(&[("DescribeReplicationGroups", 403, DENIED)]).await, "AccessDenied"),
        (watching(&[NO_GROUP]).await, "no answer in time"),
        (watching(&[("DescribeReplicationGroups", 200, "<nothing")]).await, "an answer that cannot be read"),
    ] {
        run(&kai).await.unwrap();
        assert!(reading(&kai, "CacheMemory", None).is_some() && reading(&kai, "CacheNodes", None).is_none());
        let warnings = warnings(&kai, "ElastiCache did not tell of the nodes");
        assert_eq!(warnings.iter().map(|warning| warning["reason"].as_str().unwrap()).collect::<Vec<_>>(), [reason]);
        assert!(!format!("{:?}", kai.logs.lines()).contains("hunter2"));
    }
}
