//! The cost of a request: its traffic to Redis and to Postgres, which proxies count.

use std::collections::BTreeMap;
use std::time::Duration;

use api_tests::{RedisChoice, Request, Response, Setup, TestApp, TestUser, Traffic, token_hash};
use serde_json::{Value, json};

/// The maximum number of attempts at a measurement, because Redis may be late. After three late
/// replies in a row, the functions do not use Redis for two seconds.
const MAX_ATTEMPTS: usize = 40;

/// Starts a system and opens its connections, before anything is counted.
async fn start() -> TestApp {
    let setup = Setup { redis: RedisChoice::Own, proxied: true, environments: 1, ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    let user = app.new_user().await;
    user.list_entries().await;
    user.get(user.profile_path()).await.expect_success();
    user.get("/api/auth/me").await.expect_success();
    user.create_entry("x").await;
    user.patch(user.profile_path(), &json!({})).await.expect_success();
    app.wait_until_idle().await;
    app
}

/// A response and the traffic that its request caused.
struct Cost {
    response: Response,
    redis: Traffic,
    postgres: Traffic,
    metrics: Value,
}

/// Sends a request and measures its cost.
async fn cost(app: &TestApp, request: Request) -> Cost {
    let (redis, postgres) = (app.redis_proxy.as_ref().unwrap(), app.postgres_proxy.as_ref().unwrap());
    app.wait_until_idle().await;
    drop((redis.take_traffic(), postgres.take_traffic()));
    let response = request.await;
    app.wait_until_idle().await;
    let metrics = app.metrics_of(&response);
    Cost { response, redis: redis.take_traffic(), postgres: postgres.take_traffic(), metrics }
}

/// Measures the cost of a request that is served from the cache. Repeats the request if Redis is
/// late on a busy machine.
async fn cost_of_hit(app: &TestApp, request: Request) -> Cost {
    for _ in 0..MAX_ATTEMPTS {
        let cost = cost(app, request.clone()).await;
        if cost.response.cache_status() == "hit" {
            return cost;
        }
    }
    panic!("the request was never served from the cache");
}

impl Cost {
    /// Asserts that the request cost exactly one round trip to Redis, with these commands.
    #[track_caller]
    fn assert_one_exchange(&self, commands: &[String]) {
        assert_eq!(self.response.cache_status(), "hit");
        assert_eq!((self.redis.round_trips, &self.redis.messages[..]), (1, commands));
        assert_eq!((self.postgres.round_trips, self.postgres.messages.len()), (0, 0), "{:?}", self.postgres);
        self.assert_metrics(1, 0);
    }

    /// Asserts that the request cost one round trip to Redis, one query, and these fills.
    #[track_caller]
    fn assert_one_exchange_one_query_and_fills(&self, commands: &[String], fills: &[String]) {
        let (read, filled) = self.redis.messages.split_at(commands.len());
        let mut filled = filled.to_vec();
        filled.sort();
        assert_eq!((read, &filled[..]), (commands, fills));
        let round_trips = self.redis.round_trips;
        assert!((2..=1 + fills.len() as u64).contains(&round_trips), "{round_trips} round trips");
        assert_eq!((self.postgres.round_trips, self.postgres.queries()), (1, 1), "{:?}", self.postgres);
        self.assert_metrics(1, 1);
    }

    /// Asserts that the metric line reports these numbers, and that no connection was opened.
    #[track_caller]
    fn assert_metrics(&self, cache_round_trips: u64, queries: u64) {
        let document = &self.metrics;
        assert_eq!(
            (document["cacheRoundTrips"].as_u64(), document["DbQueries"].as_u64()),
            (Some(cache_round_trips), Some(queries))
        );
        assert_eq!(self.postgres.connections, 0, "number of new connections");
        assert_eq!(self.postgres.named_statements(), 0);
    }
}

/// Returns the commands that look up the session.
fn session_commands(user: &TestUser) -> Vec<String> {
    let token = const_hex::encode(token_hash(&user.token));
    vec![format!("SET session:{}:guard", user.id), format!("GET session:{token}")]
}

/// Returns the commands that look up the session and the first page of the journal.
fn list_commands(user: &TestUser) -> Vec<String> {
    let id = user.id;
    let own = vec![format!("SET journal:list:{id}:guard"), format!("GET journal:list:{id}:page:1:size:20")];
    [session_commands(user), own].concat()
}

/// Returns the commands that look up the session and the profile.
fn profile_commands(user: &TestUser) -> Vec<String> {
    let id = user.id;
    [session_commands(user), vec![format!("SET user:profile:{id}:guard"), format!("GET user:profile:{id}")]].concat()
}

/// Returns the command that fills the record that `read` looks up.
fn fill(read: &str) -> String {
    read.replacen("GET", "SET", 1)
}

#[tokio::test]
async fn a_hit_and_a_304_cost_one_redis_round_trip_and_no_query() {
    let app = start().await;
    let ada = app.new_user().await;
    ada.create_entry("x").await;
    for (path, commands) in [
        ("/api/journal/entries".to_owned(), list_commands(&ada)),
        (ada.profile_path(), profile_commands(&ada)),
        ("/api/auth/me".to_owned(), session_commands(&ada)),
    ] {
        let etag = ada.get(&path).until_hit().await.header("etag").unwrap().to_owned();
        app.wait_until_idle().await;
        let full = cost_of_hit(&app, ada.get(&path)).await;
        assert_eq!(full.response.status, 200);
        full.assert_one_exchange(&commands);
        let not_modified = cost_of_hit(&app, ada.get(&path).header("if-none-match", etag)).await;
        assert_eq!(not_modified.response.status, 304);
        not_modified.assert_one_exchange(&commands);
    }
}

/// Measures the cost of a read with nothing cached, with only the session cached, and with only the
/// data cached. Starts again with another user if Redis is late on a busy machine.
async fn costs_of_misses(
    app: &TestApp,
    path: fn(&TestUser) -> String,
    commands: fn(&TestUser) -> Vec<String>,
) -> (Vec<String>, [Cost; 3]) {
    for _ in 0..MAX_ATTEMPTS {
        let ada = app.new_user().await;
        let commands = commands(&ada);
        let delete = async |read: &String| {
            let _: () = app.redis(redis::cmd("DEL").arg(read.strip_prefix("GET ").unwrap())).await;
        };
        let nothing_cached = cost(app, ada.get(path(&ada))).await;
        delete(&commands[3]).await;
        let session_cached = cost(app, ada.get(path(&ada))).await;
        delete(&commands[1]).await;
        let data_cached = cost(app, ada.get(path(&ada))).await;
        let costs = [nothing_cached, session_cached, data_cached];
        if costs.iter().all(|cost| cost.response.cache_status() != "bypass") {
            return (commands, costs);
        }
    }
    panic!("Redis was late in every attempt");
}

#[tokio::test]
async fn a_miss_costs_one_round_trip_one_query_and_the_fills_with_or_without_a_cached_session() {
    let app = start().await;
    let list = |_: &TestUser| "/api/journal/entries".to_owned();
    for (path, commands) in [
        (list as fn(&TestUser) -> String, list_commands as fn(&TestUser) -> Vec<String>),
        (TestUser::profile_path, profile_commands),
    ] {
        let (commands, [nothing_cached, session_cached, data_cached]) = costs_of_misses(&app, path, commands).await;
        let (session_fill, data_fill) = (fill(&commands[1]), fill(&commands[3]));
        let mut fills = [session_fill.clone(), data_fill.clone()];
        fills.sort();
        let outcomes = [&nothing_cached, &session_cached, &data_cached].map(|cost| cost.response.cache_status());
        assert_eq!(outcomes, ["miss", "miss", "hit"]);
        nothing_cached.assert_one_exchange_one_query_and_fills(&commands, &fills);
        session_cached.assert_one_exchange_one_query_and_fills(&commands, &[data_fill]);
        data_cached.assert_one_exchange_one_query_and_fills(&commands, &[session_fill]);
    }
}

#[tokio::test]
async fn a_write_costs_a_marker_a_statement_and_an_invalidation() {
    let app = start().await;
    let ada = app.new_user().await;
    ada.list_entries().await;
    let eval = |family: &str| format!("EVAL {family}:{}:guard", ada.id);
    let entry = json!({"content": "x"});
    for (request, guards) in [
        (ada.post("/api/journal/entries", &entry), vec![eval("journal:list")]),
        (ada.post("/api/journal/entries", &entry).header("idempotency-key", "k"), vec![eval("journal:list")]),
        // Cached answers of the model depend on the profile.
        (ada.patch(ada.profile_path(), &json!({"traits": {}})), vec![eval("user:profile"), eval("ai:response")]),
    ] {
        let write = cost(&app, request).await;
        assert!(write.response.status < 300);
        assert_eq!((write.redis.round_trips, &write.redis.messages[..]), (2, &[guards.clone(), guards].concat()[..]));
        assert_eq!((write.postgres.round_trips, write.postgres.queries()), (1, 1), "{:?}", write.postgres);
        write.assert_metrics(2, 1);
    }
}

#[tokio::test]
async fn a_message_costs_two_statements_or_one_if_its_answer_is_cached() {
    let app = start().await;
    let ada = app.new_user().await;
    let question = || ada.post("/api/chat", &json!({"message": "How can I calm down before an exam?"}));
    // This request caches the session and opens the connections.
    question().await.expect_success();
    let dependent =
        cost(&app, ada.post("/api/chat", &json!({"message": "yes"})).header("idempotency-key", "yes")).await;
    assert_eq!(dependent.postgres.queries(), 2, "{:?}", dependent.postgres);
    let eval = |name: &str| format!("EVAL {name}:{}:guard", ada.id);
    let mut cached = Vec::new();
    for attempt in 0..10 {
        // With a key, another statement is executed, which costs the same.
        let key = format!("again-{attempt}");
        let sent = if attempt % 2 == 0 { question() } else { question().header("idempotency-key", key) };
        let cost = cost(&app, sent).await;
        if cost.response.expect_success()["metadata"]["cached"] == true {
            cached.push(cost);
        }
    }
    assert!(cached.len() > 1, "the answer was never cached");
    for cost in cached {
        assert_eq!((cost.postgres.round_trips, cost.postgres.queries()), (1, 1), "{:?}", cost.postgres);
        // The first round trip looks up the session and the answer. The second one sets the marker
        // and counts the message. The third one invalidates.
        assert_eq!(cost.redis.round_trips, 3, "{:?}", cost.redis);
        let [marked, counted, cleared] = cost.redis.messages.last_chunk().unwrap();
        assert_eq!((marked, cleared), (&eval("conversation"), &eval("conversation")));
        assert!(counted.starts_with("EVAL chat:"), "{counted}");
        cost.assert_metrics(3, 1);
    }
}

#[tokio::test]
async fn a_message_costs_one_statement_if_its_context_is_cached_unless_it_has_an_idempotency_key() {
    let app = start().await;
    let ada = app.new_user().await;
    let yes = || ada.post("/api/chat", &json!({"message": "yes"}));
    yes().await.expect_success();
    for _ in 0..10 {
        ada.get("/api/chat/history").until_hit().await;
        ada.get(ada.profile_path()).until_hit().await;
        let cached = cost(&app, yes()).await;
        cached.response.expect_success();
        // With another number of queries, Redis was late on a busy machine.
        if cached.postgres.queries() == 1 {
            // The round trips look up the session, look up the conversation and the profile, count
            // the message, set the marker, and invalidate. The count may share the second round
            // trip.
            assert!([4, 5].contains(&cached.redis.round_trips), "{:?}", cached.redis);
            cached.assert_metrics(5, 1);
            ada.get("/api/chat/history").until_hit().await;
            let keyed = cost(&app, yes().header("idempotency-key", "yes")).await;
            assert_eq!(keyed.postgres.queries(), 2, "{:?}", keyed.postgres);
            return;
        }
    }
    panic!("the context never came from the cache");
}

/// The environment is frozen as soon as it has responded, in the middle of its fill, and resumes
/// long after the deadline of the fill.
#[tokio::test]
async fn a_frozen_fill_costs_the_next_request_no_new_connection() {
    let app = start().await;
    let ada = app.new_user().await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    proxy.delay_responses(Duration::from_millis(5));
    let mut seen = 0;
    for _ in 0..10 {
        ada.create_entry("x").await;
        let miss = ada.list_entries().await;
        app.wait_until_idle().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        proxy.take_traffic();
        let next = ada.list_entries().await;
        app.wait_until_idle().await;
        // With other outcomes, a busy machine has missed a deadline.
        if (miss.cache_status(), next.cache_status()) == ("miss", "hit") {
            assert_eq!(proxy.take_traffic().connections, 0);
            seen += 1;
        }
    }
    assert!(seen > 0, "no fill arrived");
}

#[tokio::test]
async fn a_request_without_a_token_costs_nothing_and_health_pings_each_server_once() {
    let app = start().await;
    app.anonymous().get("/health").await.expect_success();
    app.wait_until_idle().await;
    let unauthenticated = cost(&app, app.anonymous().get("/api/journal/entries")).await;
    assert_eq!(unauthenticated.response.status, 401);
    assert_eq!((unauthenticated.redis.messages.len(), unauthenticated.postgres.messages.len()), (0, 0));
    let health = cost(&app, app.anonymous().get("/health")).await;
    assert_eq!((health.redis.round_trips, &health.redis.messages[..]), (1, &["PING".to_owned()][..]));
    assert_eq!((health.postgres.round_trips, health.postgres.queries()), (1, 1));
}

#[tokio::test]
async fn the_first_write_of_an_environment_sends_no_ping() {
    let app = start().await;
    let ada = app.new_user().await;
    app.wait_until_idle().await;
    // This is the first deletion, so it starts an environment.
    let first = cost(&app, ada.request("DELETE", "/api/account")).await;
    assert_eq!(first.response.status, 204);
    assert_eq!(
        (first.postgres.connections, first.postgres.queries()),
        (1, 2),
        "one query checks the new connection, and one is the write"
    );
}

#[tokio::test]
async fn an_invalidation_runs_the_same_commands_for_any_number_of_keys() {
    let app = start().await;
    let ada = app.new_user().await;
    let mut costs = Vec::new();
    for (others, pages) in [(1_000, 1), (1_000_000, 40)] {
        let _: () = app.redis(redis::cmd("DEBUG").arg("POPULATE").arg(others).arg("other").arg(16)).await;
        for page in 1..=pages {
            ada.get(format!("/api/journal/entries?page={page}")).await.expect_success();
        }
        let keys: i64 = app.redis(&redis::cmd("DBSIZE")).await;
        assert!(keys >= others, "{keys} keys");
        app.wait_until_idle().await;
        let before = app.command_counts().await;
        ada.create_entry("x").await;
        app.wait_until_idle().await;
        let after = app.command_counts().await;
        let commands: BTreeMap<String, u64> = after
            .into_iter()
            .map(|(name, count)| (name.clone(), count - before.get(&name).copied().unwrap_or(0)))
            .filter(|(name, count)| {
                *count > 0 && !["info", "client|setinfo", "client|setname", "hello"].contains(&name.as_str())
            })
            .collect();
        costs.push(commands);
        let page = ada.get(format!("/api/journal/entries?page={pages}")).await;
        assert_eq!(page.cache_status(), "miss", "page {pages} survived the write");
    }
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0].get("eval"), Some(&2), "{costs:?}");
    for forbidden in ["scan", "keys", "flushdb", "flushall"] {
        assert!(!costs[1].contains_key(forbidden), "{costs:?}");
    }
}
