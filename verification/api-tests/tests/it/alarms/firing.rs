//! The alarms that each fault raises.
//!
//! Each test records the metric lines of a few seconds of healthy and of faulty operation. Then it
//! replays the healthy recording for ten minutes and the faulty one for twenty, once per minute.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use api_tests::cloudwatch::{self, Metric, MetricData};
use api_tests::{ModelResponse, RedisChoice, Response, Setup, StubModel, TestApp, TestUser};
use redis::cmd;
use serde_json::{Value, json};

use crate::cache_monitor;

/// The number of minutes before the fault, and during the fault.
const BEFORE: i64 = 10;
const DURING: i64 = 20;
/// The maximum number of recordings of healthy operation. The test fails if every recording raises
/// an alarm.
const MAX_RECORDINGS: usize = 5;

/// The names of dimensions and their values.
type Dimensions = &'static [(&'static str, &'static str)];

/// A system, its users, and a recording of its healthy operation.
struct Healthy {
    app: TestApp,
    users: Vec<TestUser>,
    /// The metric lines of one healthy minute.
    recording: Vec<Value>,
    /// The number of metric lines that were read so far.
    lines_read: usize,
}

impl Healthy {
    /// Starts a system, and records it after the sessions of its users were cached. If the
    /// recording raises an alarm, it is repeated: on a busy machine, Redis may be late, for
    /// example.
    async fn start(variables: Vec<(&'static str, String)>) -> Self {
        let app = start(variables).await;
        let mut users = Vec::new();
        for _ in 0..4 {
            users.push(app.new_user().await);
        }
        generate_traffic(&app, &users).await;
        let mut healthy = Self { app, users, recording: Vec::new(), lines_read: 0 };
        healthy.new_lines();
        let mut alarms = BTreeSet::new();
        for _ in 0..MAX_RECORDINGS {
            healthy.recording = healthy.record().await;
            let mut metrics = MetricData::default();
            replay(&mut metrics, &healthy.recording, 0..BEFORE);
            alarms = alarms_between(&metrics, 5, BEFORE);
            if alarms.is_empty() {
                return healthy;
            }
        }
        panic!("a healthy system raises {alarms:?}");
    }

    /// Returns the metric lines since the last call.
    fn new_lines(&mut self) -> Vec<Value> {
        let lines = self.app.metrics().split_off(self.lines_read);
        self.lines_read += lines.len();
        lines
    }

    /// Generates traffic, runs the monitor, and returns all metric lines since the last call.
    async fn record(&mut self) -> Vec<Value> {
        let measured = generate_traffic(&self.app, &self.users).await;
        let run = run_monitor(&self.app).await;
        [self.new_lines(), measured, vec![run]].concat()
    }
}

/// Starts a system on which every fault can be injected.
async fn start(variables: Vec<(&'static str, String)>) -> TestApp {
    TestApp::start_with(Setup { variables, redis: RedisChoice::Own, proxied: true, ..Setup::default() }).await
}

/// Sends typical requests, most of which are reads. Returns API Gateway's metrics for these
/// requests.
async fn generate_traffic(app: &TestApp, users: &[TestUser]) -> Vec<Value> {
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
        aws_line("AWS/ApiGateway", ("ApiId", "api"), &[("Count", 1), ("5xx", u8::from(response.status >= 500))])
    };
    responses.iter().map(measure).collect()
}

/// Runs `cache-monitor`. Returns Lambda's metrics for the run.
async fn run_monitor(app: &TestApp) -> Value {
    let failed = cache_monitor::run(app).await.is_err();
    app.wait_until_idle().await;
    lambda_line("cache-monitor", failed)
}

/// Returns Lambda's metrics for one run of a function.
fn lambda_line(function: &str, failed: bool) -> Value {
    aws_line("AWS/Lambda", ("FunctionName", function), &[("Invocations", 1), ("Errors", failed.into())])
}

/// Returns the values of AWS metrics in the format of the functions' metric lines.
fn aws_line(namespace: &str, dimension: (&str, &str), values: &[(&str, u8)]) -> Value {
    let metrics: Vec<_> = values.iter().map(|(name, _)| json!({"Name": name})).collect();
    let directive = json!({"Namespace": namespace, "Dimensions": [[dimension.0]], "Metrics": metrics});
    let mut line = json!({"_aws": {"CloudWatchMetrics": [directive]}});
    line[dimension.0] = dimension.1.into();
    values.iter().for_each(|(name, value)| line[*name] = (*value).into());
    line
}

/// Adds a recording to each of these minutes.
fn replay(metrics: &mut MetricData, recording: &[Value], minutes: Range<i64>) {
    for minute in minutes {
        for (number, line) in recording.iter().enumerate() {
            metrics.add_line(line, minute * 60 + number as i64 % 60);
        }
    }
}

/// Returns the alarms that fire between two minutes.
fn alarms_between(metrics: &MetricData, from: i64, to: i64) -> BTreeSet<String> {
    let alarms = cloudwatch::alarms().into_iter();
    let fired = alarms.filter(|(_, alarm)| alarm.first_alarm(metrics, from * 60, to * 60).is_some());
    fired.map(|(id, _)| id).collect()
}

/// Returns the alarms that fire within three of their periods after the start of the fault.
fn alarms_during_the_fault(metrics: &MetricData) -> BTreeSet<String> {
    let alarms = cloudwatch::alarms().into_iter();
    let fired = alarms.filter(|(_, alarm)| {
        let last = (BEFORE * 60 + 4 * alarm.period).min((BEFORE + DURING) * 60);
        alarm.first_alarm(metrics, BEFORE * 60, last).is_some()
    });
    fired.map(|(id, _)| id).collect()
}

/// Asserts that no alarm fires before the fault, and that these alarms fire within three periods.
fn assert_fired(healthy: &[Value], faulty: &[Value], expected: &[&str]) {
    let mut metrics = MetricData::default();
    replay(&mut metrics, healthy, 0..BEFORE);
    replay(&mut metrics, faulty, BEFORE..BEFORE + DURING);
    assert_eq!(alarms_between(&metrics, 5, BEFORE), BTreeSet::new(), "before the fault");
    let fired = alarms_during_the_fault(&metrics);
    for alarm in expected {
        assert!(fired.contains(*alarm), "{alarm} is not among {fired:?}");
    }
}

/// Removes all keys from Redis.
async fn flush(app: &TestApp) {
    app.redis::<()>(cmd("FLUSHALL").arg("SYNC")).await;
}

#[tokio::test]
async fn a_healthy_hour_raises_no_alarm() {
    let Healthy { app: _app, recording, .. } = Healthy::start(Vec::new()).await;
    let mut metrics = MetricData::default();
    replay(&mut metrics, &recording, 0..65);
    let requests = recording.iter().filter(|line| line.get("Requests").is_some()).count();
    assert!(requests > 60, "{requests} requests per minute are too few");
    assert_eq!(alarms_between(&metrics, 5, 65), BTreeSet::new());
    // The monitor runs, but there is no traffic.
    let monitored: Vec<_> =
        recording.into_iter().filter(|line| line.get("Requests").is_none() && line.get("Count").is_none()).collect();
    let mut quiet = MetricData::default();
    replay(&mut quiet, &monitored, 0..65);
    assert_eq!(alarms_between(&quiet, 5, 65), BTreeSet::new());
}

#[tokio::test]
async fn a_redis_outage_raises_the_cache_alarms_and_no_request_fails() {
    let mut healthy = Healthy::start(Vec::new()).await;
    healthy.app.redis_proxy.as_ref().unwrap().refuse().await;
    let faulty = healthy.record().await;
    assert_fired(&healthy.recording, &faulty, &["CacheErrorsAlarm", "CacheMonitorAlarm"]);
    assert!(faulty.iter().all(|line| line["5xx"] != 1), "a request failed");
}

#[tokio::test]
async fn a_cache_that_loses_its_keys_raises_the_hit_rate_alarm() {
    let mut healthy = Healthy::start(Vec::new()).await;
    for _ in 0..6 {
        for user in &healthy.users {
            flush(&healthy.app).await;
            user.get("/api/journal/entries").await;
            user.get(user.profile_path()).await;
        }
    }
    healthy.app.wait_until_idle().await;
    let faulty = healthy.new_lines();
    assert_fired(&healthy.recording, &faulty, &["HitRateAlarm"]);
}

#[tokio::test]
async fn a_database_outage_raises_the_error_alarms_and_a_separate_alarm_for_chat() {
    let mut healthy = Healthy::start(Vec::new()).await;
    healthy.app.postgres_proxy.as_ref().unwrap().refuse().await;
    let faulty = healthy.record().await;
    let expected = ["ErrorRateAlarm", "GatewayErrorsAlarm", "ChatErrorsAlarm", "CacheMonitorAlarm"];
    assert_fired(&healthy.recording, &faulty, &expected);
    healthy.users[0].post("/api/chat", &json!({"message": "I want to kill myself"})).await.expect_success();
    healthy.app.wait_until_idle().await;
    let faulty = healthy.new_lines();
    assert_fired(&healthy.recording, &faulty, &["CrisisPathAlarm"]);
}

/// A function that cannot start prints no metric line.
#[tokio::test]
async fn functions_that_cannot_start_raise_the_gateway_and_lambda_alarms() {
    let Healthy { app: _app, recording, .. } = Healthy::start(Vec::new()).await;
    let app = start(vec![("SLOW_QUERY_THRESHOLD", "soon".to_owned())]).await;
    let user = app.new_user().await;
    let measured = generate_traffic(&app, &[user]).await;
    assert!(measured.iter().all(|line| line["5xx"] == 1) && app.metrics().is_empty(), "a function has started");
    let runs = ["chat-send", "metrics-rollup"].map(|function| lambda_line(function, true));
    let faulty = [measured, runs.to_vec(), vec![run_monitor(&app).await]].concat();
    let expected = ["GatewayErrorsAlarm", "ChatFunctionAlarm", "MetricsRollupAlarm", "CacheMonitorAlarm"];
    assert_fired(&recording, &faulty, &expected);
}

#[tokio::test]
async fn repeated_failures_without_other_traffic_raise_an_alarm_but_a_single_failure_does_not() {
    let Healthy { app: _app, recording, .. } = Healthy::start(Vec::new()).await;
    let quiet: Vec<_> = recording.into_iter().filter(|line| line["FunctionName"] == "cache-monitor").collect();
    let failed = aws_line("AWS/ApiGateway", ("ApiId", "api"), &[("Count", 1), ("5xx", 1)]);
    assert_fired(&quiet, &[quiet.clone(), vec![failed.clone()]].concat(), &["GatewayErrorsAlarm"]);
    let mut metrics = MetricData::default();
    replay(&mut metrics, &quiet, 0..BEFORE + DURING);
    replay(&mut metrics, &[failed], BEFORE..BEFORE + 1);
    assert_eq!(alarms_between(&metrics, 5, BEFORE + DURING), BTreeSet::new());
}

#[tokio::test]
async fn a_slow_database_raises_the_slow_queries_alarm() {
    let mut healthy = Healthy::start(vec![("SLOW_QUERY_THRESHOLD", "0.1".to_owned())]).await;
    flush(&healthy.app).await;
    healthy.app.postgres_proxy.as_ref().unwrap().delay_responses(Duration::from_millis(150));
    for user in healthy.users.iter().cycle().take(8) {
        user.get("/api/journal/entries?page_size=7").await;
        user.get(user.profile_path()).await;
        user.get("/api/chat/history").await;
        user.get("/api/auth/me").await;
        user.post("/api/journal/entries", &json!({"content": "dear diary"})).await;
        user.patch(user.profile_path(), &json!({"communication_style": "gentle"})).await;
    }
    healthy.app.wait_until_idle().await;
    let faulty = healthy.new_lines();
    assert_fired(&healthy.recording, &faulty, &["SlowQueriesAlarm"]);
}

#[tokio::test]
async fn a_failing_model_raises_the_model_alarm() {
    let model = StubModel::start();
    let mut healthy = Healthy::start(model.variables()).await;
    model.respond_with(ModelResponse::Status(500));
    for (number, user) in healthy.users.iter().cycle().take(12).enumerate() {
        let message = format!("What can I do against worry number {number} of this long night?");
        user.post("/api/chat", &json!({"message": message})).await.expect_success();
    }
    healthy.app.wait_until_idle().await;
    let faulty = healthy.new_lines();
    assert_fired(&healthy.recording, &faulty, &["ModelAlarm"]);
}

#[tokio::test]
async fn a_full_cache_raises_the_memory_eviction_and_family_budget_alarms() {
    let mut healthy = Healthy::start(Vec::new()).await;
    cache_monitor::populate(&healthy.app, "journal:list", 3000, 30_000).await;
    cache_monitor::run(&healthy.app).await.unwrap();
    let faulty = healthy.new_lines();
    assert_fired(&healthy.recording, &faulty, &["FamilyBudgetAlarm"]);
    for (name, value) in [("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")] {
        healthy.app.redis::<()>(cmd("CONFIG").arg("SET").arg(name).arg(value)).await;
    }
    for number in 0..100 {
        healthy.app.redis::<()>(cmd("SET").arg(format!("session:{number}")).arg("x".repeat(300_000))).await;
    }
    cache_monitor::run(&healthy.app).await.unwrap();
    let faulty = healthy.new_lines();
    assert_fired(&healthy.recording, &faulty, &["CacheMemoryAlarm", "CacheEvictionsAlarm"]);
}

/// AWS publishes these metrics, one of them through `cache-monitor`. The test makes up their
/// values.
#[tokio::test]
async fn each_metric_of_aws_raises_its_alarm() {
    let Healthy { app: _app, recording, .. } = Healthy::start(Vec::new()).await;
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
        replay(&mut metrics, &recording, 0..BEFORE + DURING);
        let metric = |name: &str| Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        for minute in BEFORE..BEFORE + DURING {
            metrics.put(metric(name), minute * 60, value);
            metrics.put(metric("CacheNodesAvailable"), minute * 60, 2.0);
        }
        assert_eq!(alarms_during_the_fault(&metrics), BTreeSet::from([alarm.to_owned()]));
    }
}
