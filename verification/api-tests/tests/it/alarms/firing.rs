//! Alarms are fed with what the functions print when something is really wrong.
//!
//! Some seconds of it are recorded, and laid minute by minute behind ten healthy ones.

use std::collections::BTreeSet;

use api_tests::cloudwatch::{self, Metric, MetricData};
use api_tests::{ModelResponse, RedisChoice, Response, Setup, StubModel, TestApp, TestUser};
use serde_json::{Value, json};

use crate::events;

/// Minutes before the fault, and with it.
const BEFORE: i64 = 10;
const DURING: i64 = 20;

/// A system that can lose everything that it depends on.
async fn start(variables: Vec<(&'static str, String)>) -> TestApp {
    TestApp::start_with(Setup { variables, redis: RedisChoice::Own, proxied: true, ..Setup::default() }).await
}

/// Some of everything that people do, mostly reading. Returns what the gateway measures of it.
async fn day(app: &TestApp, users: &[TestUser]) -> Vec<Value> {
    let mut responses = Vec::new();
    for user in users {
        responses.push(user.post("/api/journal/entries", &json!({"content": "dear diary"})).await);
        for _ in 0..12 {
            responses.push(user.get("/api/journal/entries").await);
        }
        for path in ["/api/auth/me", "/api/chat/history", "/api/journal/insights"] {
            responses.push(user.get(path).await);
        }
        responses.push(user.get(user.profile_path()).await);
        responses.push(user.post("/api/chat", &json!({"message": "I slept badly again."})).await);
    }
    app.wait_until_idle().await;
    let measure = |response: &Response| {
        of_aws("AWS/ApiGateway", ("ApiId", "api"), &[("Count", 1), ("5xx", u8::from(response.status >= 500))])
    };
    responses.iter().map(measure).collect()
}

/// Runs the monitor. Returns what Lambda measures of it.
async fn monitor(app: &TestApp) -> Value {
    let failed = app.invoke("cache-monitor", &events::read("cache-monitor", "schedule")).await.is_err();
    app.wait_until_idle().await;
    of_lambda("cache-monitor", failed)
}

/// What Lambda measures of one run of a function.
fn of_lambda(function: &str, failed: bool) -> Value {
    of_aws("AWS/Lambda", ("FunctionName", function), &[("Invocations", 1), ("Errors", failed.into())])
}

/// What AWS measures by itself, in the words in which functions tell of theirs.
fn of_aws(namespace: &str, dimension: (&str, &str), values: &[(&str, u8)]) -> Value {
    let metrics: Vec<_> = values.iter().map(|(name, _)| json!({"Name": name})).collect();
    let directive = json!({"Namespace": namespace, "Dimensions": [[dimension.0]], "Metrics": metrics});
    let mut line = json!({"_aws": {"CloudWatchMetrics": [directive]}});
    line[dimension.0] = dimension.1.into();
    values.iter().for_each(|(name, value)| line[*name] = (*value).into());
    line
}

/// Names of dimensions and their values.
type Dimensions = &'static [(&'static str, &'static str)];

/// What has been printed since the last time, of metrics.
struct Tape(usize);

impl Tape {
    fn take(&mut self, app: &TestApp) -> Vec<Value> {
        let all = app.metrics();
        all[std::mem::replace(&mut self.0, all.len())..].to_vec()
    }
}

/// A healthy system and its recording: people are known to the cache, and the monitor has run.
async fn healthy(variables: Vec<(&'static str, String)>) -> (TestApp, Vec<TestUser>, Tape, Vec<Value>) {
    let app = start(variables).await;
    let mut users = Vec::new();
    for _ in 0..4 {
        users.push(app.new_user().await);
    }
    day(&app, &users).await;
    let mut tape = Tape(0);
    tape.take(&app);
    let mut measured = day(&app, &users).await;
    measured.push(monitor(&app).await);
    let recorded = [tape.take(&app), measured].concat();
    (app, users, tape, recorded)
}

/// Lays a recording into each of these minutes.
fn lay(metrics: &mut MetricData, recording: &[Value], minutes: std::ops::Range<i64>) {
    for minute in minutes {
        for (number, line) in recording.iter().enumerate() {
            metrics.add_line(line, minute * 60 + number as i64 % 60);
        }
    }
}

/// The alarms that go off at any time before this minute, or within three of their periods after it.
fn raised(metrics: &MetricData, from: i64, to: i64, periods: i64) -> BTreeSet<String> {
    let alarms = cloudwatch::alarms().into_iter();
    let off = alarms.filter(|(_, alarm)| {
        let last = if periods == 0 { to * 60 } else { (from * 60 + (periods + 1) * alarm.period).min(to * 60) };
        alarm.first_alarm(metrics, from * 60, last).is_some()
    });
    off.map(|(id, _)| id).collect()
}

/// Asserts that a fault raises these alarms within three periods, and that there was none before.
fn assert_raised(healthy: &[Value], faulty: &[Value], expected: &[&str]) {
    let mut metrics = MetricData::default();
    lay(&mut metrics, healthy, 0..BEFORE);
    lay(&mut metrics, faulty, BEFORE..BEFORE + DURING);
    assert_eq!(raised(&metrics, 5, BEFORE, 0), BTreeSet::new(), "before the fault");
    let raised = raised(&metrics, BEFORE, BEFORE + DURING, 3);
    for alarm in expected {
        assert!(raised.contains(*alarm), "{alarm} is not among {raised:?}");
    }
}

#[tokio::test]
async fn a_healthy_hour_raises_no_alarm() {
    let (_kai, _, _, recorded) = healthy(Vec::new()).await;
    let mut metrics = MetricData::default();
    lay(&mut metrics, &recorded, 0..65);
    let requests = recorded.iter().filter(|line| line.get("Requests").is_some()).count();
    assert!(requests > 60, "{requests} requests a minute are no traffic");
    assert_eq!(raised(&metrics, 5, 65, 0), BTreeSet::new());
    // The same without any traffic, but with a monitor that is heard.
    let monitored: Vec<_> =
        recorded.into_iter().filter(|line| line.get("Requests").is_none() && line.get("Count").is_none()).collect();
    let mut quiet = MetricData::default();
    lay(&mut quiet, &monitored, 0..65);
    assert_eq!(raised(&quiet, 5, 65, 0), BTreeSet::new());
}

#[tokio::test]
async fn a_redis_outage_raises_the_cache_alarms_and_no_request_fails() {
    let (app, users, mut tape, well) = healthy(Vec::new()).await;
    app.redis_proxy.as_ref().unwrap().refuse().await;
    let measured = day(&app, &users).await;
    let run = monitor(&app).await;
    let ill = [tape.take(&app), measured, vec![run]].concat();
    assert_raised(&well, &ill, &["CacheErrorsAlarm", "CacheMonitorAlarm"]);
    assert!(ill.iter().all(|line| line["5xx"] != 1), "somebody noticed");
}

#[tokio::test]
async fn a_cache_that_loses_its_keys_raises_the_hit_rate_alarm() {
    let (app, users, mut tape, well) = healthy(Vec::new()).await;
    for _ in 0..6 {
        for user in &users {
            let (): () = app.redis(redis::cmd("FLUSHALL").arg("SYNC")).await;
            user.get("/api/journal/entries").await;
            user.get(user.profile_path()).await;
        }
    }
    app.wait_until_idle().await;
    assert_raised(&well, &tape.take(&app), &["HitRateAlarm"]);
}

#[tokio::test]
async fn a_database_outage_raises_the_error_alarms_and_a_separate_one_for_chat() {
    let (app, users, mut tape, well) = healthy(Vec::new()).await;
    app.postgres_proxy.as_ref().unwrap().refuse().await;
    let measured = day(&app, &users).await;
    let run = monitor(&app).await;
    let expected = ["ErrorRateAlarm", "GatewayErrorsAlarm", "ChatErrorsAlarm", "CacheMonitorAlarm"];
    assert_raised(&well, &[tape.take(&app), measured, vec![run]].concat(), &expected);
    users[0].post("/api/chat", &json!({"message": "I want to kill myself"})).await.expect_success();
    app.wait_until_idle().await;
    assert_raised(&well, &tape.take(&app), &["CrisisPathAlarm"]);
}

/// Nothing is printed that CloudWatch could make metrics of.
#[tokio::test]
async fn functions_that_cannot_start_raise_the_gateway_and_lambda_alarms() {
    let (_kai, _, _, well) = healthy(Vec::new()).await;
    let app = start(vec![("SLOW_QUERY_THRESHOLD", "soon".to_owned())]).await;
    let user = app.new_user().await;
    let measured = day(&app, &[user]).await;
    assert!(measured.iter().all(|line| line["5xx"] == 1) && app.metrics().is_empty(), "a function has started");
    let runs = ["chat-send", "metrics-rollup"].map(|function| of_lambda(function, true));
    let ill = [measured, runs.to_vec(), vec![monitor(&app).await]].concat();
    let expected = ["GatewayErrorsAlarm", "ChatFunctionAlarm", "MetricsRollupAlarm", "CacheMonitorAlarm"];
    assert_raised(&well, &ill, &expected);
}

#[tokio::test]
async fn a_few_failing_requests_without_other_traffic_raise_an_alarm_but_a_single_one_does_not() {
    let (_kai, _, _, well) = healthy(Vec::new()).await;
    let quiet: Vec<_> = well.into_iter().filter(|line| line["FunctionName"] == "cache-monitor").collect();
    let failed = of_aws("AWS/ApiGateway", ("ApiId", "api"), &[("Count", 1), ("5xx", 1)]);
    assert_raised(&quiet, &[quiet.clone(), vec![failed.clone()]].concat(), &["GatewayErrorsAlarm"]);
    let mut metrics = MetricData::default();
    lay(&mut metrics, &quiet, 0..BEFORE + DURING);
    lay(&mut metrics, &[failed], BEFORE..BEFORE + 1);
    assert_eq!(raised(&metrics, 5, BEFORE + DURING, 0), BTreeSet::new());
}

#[tokio::test]
async fn a_slow_database_raises_the_slow_queries_alarm() {
    let (app, users, mut tape, well) = healthy(vec![("SLOW_QUERY_THRESHOLD", "0.1".to_owned())]).await;
    let (): () = app.redis(redis::cmd("FLUSHALL").arg("SYNC")).await;
    app.postgres_proxy.as_ref().unwrap().delay_responses(std::time::Duration::from_millis(150));
    for user in users.iter().cycle().take(8) {
        user.get("/api/journal/entries?page_size=7").await;
        user.get(user.profile_path()).await;
        user.get("/api/chat/history").await;
        user.get("/api/auth/me").await;
        user.post("/api/journal/entries", &json!({"content": "dear diary"})).await;
        user.patch(user.profile_path(), &json!({"communication_style": "gentle"})).await;
    }
    app.wait_until_idle().await;
    assert_raised(&well, &tape.take(&app), &["SlowQueriesAlarm"]);
}

#[tokio::test]
async fn a_failing_model_raises_the_model_alarm() {
    let model = StubModel::start();
    let (app, users, mut tape, well) = healthy(model.variables()).await;
    model.respond_with(ModelResponse::Status(500));
    for (number, user) in users.iter().cycle().take(12).enumerate() {
        let message = format!("What can I do against worry number {number} of this long night?");
        user.post("/api/chat", &json!({"message": message})).await.expect_success();
    }
    app.wait_until_idle().await;
    assert_raised(&well, &tape.take(&app), &["ModelAlarm"]);
}

#[tokio::test]
async fn a_full_cache_raises_the_memory_eviction_and_family_budget_alarms() {
    let (app, _, mut tape, well) = healthy(Vec::new()).await;
    let event = events::read("cache-monitor", "schedule");
    let populate = |family: &str, number: u64, bytes: u64| {
        let mut command = redis::cmd("DEBUG");
        command.arg("POPULATE").arg(number).arg(family).arg(bytes);
        command
    };
    let (): () = app.redis(&populate("journal:list", 3000, 30_000)).await;
    app.invoke("cache-monitor", &event).await.unwrap();
    assert_raised(&well, &tape.take(&app), &["FamilyBudgetAlarm"]);
    for (name, value) in [("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")] {
        let (): () = app.redis(redis::cmd("CONFIG").arg("SET").arg(name).arg(value)).await;
    }
    for number in 0..100 {
        let (): () = app.redis(redis::cmd("SET").arg(format!("session:{number}")).arg("x".repeat(300_000))).await;
    }
    app.invoke("cache-monitor", &event).await.unwrap();
    assert_raised(&well, &tape.take(&app), &["CacheMemoryAlarm", "CacheEvictionsAlarm"]);
}

/// Of these AWS tells, or `ElastiCache` through cache-monitor; here their values are made up.
#[tokio::test]
async fn each_metric_of_aws_raises_its_alarm() {
    let (_kai, _, _, well) = healthy(Vec::new()).await;
    let cases: [(&str, &str, &str, Dimensions, f64); 7] = [
        ("ThrottlesAlarm", "AWS/Lambda", "Throttles", &[], 3.0),
        ("DatabaseConnectionsAlarm", "AWS/RDS", "DatabaseConnections", &[("DBClusterIdentifier", "kai")], 81.0),
        ("PinnedSessionsAlarm", "AWS/RDS", "DatabaseConnectionsCurrentlySessionPinned", &[("ProxyName", "kai")], 1.0),
        ("FailedBatchesAlarm", "AWS/SQS", "ApproximateNumberOfMessagesVisible", &[("QueueName", "dead")], 1.0),
        ("InvalidMetricsAlarm", "AWS/Logs", "EMFValidationErrors", &[], 1.0),
        ("UnreadableMetricsAlarm", "AWS/Logs", "EMFParsingErrors", &[], 1.0),
        ("CacheNodesAlarm", "Kai", "CacheNodes", &[("Service", cloudwatch::SERVICE)], 3.0),
    ];
    for (alarm, namespace, name, dimensions, value) in cases {
        let mut metrics = MetricData::default();
        lay(&mut metrics, &well, 0..BEFORE + DURING);
        let metric = |name: &str| Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        for minute in BEFORE..BEFORE + DURING {
            metrics.put(metric(name), minute * 60, value);
            metrics.put(metric("CacheNodesAvailable"), minute * 60, 2.0);
        }
        assert_eq!(raised(&metrics, BEFORE, BEFORE + DURING, 3), BTreeSet::from([alarm.to_owned()]));
    }
}
