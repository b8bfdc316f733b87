//! Alarms are fed with what the functions print when something is really wrong.
//!
//! Some seconds of it are recorded, and laid minute by minute behind ten healthy ones.

use std::collections::BTreeSet;

use api_tests::cloudwatch::{self, Metric, Metrics};
use api_tests::{Kai, Model, Person, RedisChoice, Reply, Script, Setup};
use serde_json::{Value, json};

use crate::events;

/// Minutes before the fault, and with it.
const BEFORE: i64 = 10;
const DURING: i64 = 20;

/// A system that can lose everything that it depends on.
async fn start(variables: Vec<(&'static str, String)>) -> Kai {
    Kai::start_with(Setup { variables, redis: RedisChoice::Own, proxied: true, ..Setup::default() }).await
}

/// Some of everything that people do, mostly reading. Returns what the gateway measures of it.
async fn day(kai: &Kai, people: &[Person]) -> Vec<Value> {
    let mut replies = Vec::new();
    for person in people {
        replies.push(person.post("/api/journal/entries", &json!({"content": "dear diary"})).await);
        for _ in 0..12 {
            replies.push(person.get("/api/journal/entries").await);
        }
        for path in ["/api/auth/me", "/api/chat/history", "/api/journal/insights"] {
            replies.push(person.get(path).await);
        }
        replies.push(person.get(person.profile_path()).await);
        replies.push(person.post("/api/chat", &json!({"message": "I slept badly again."})).await);
    }
    kai.settled().await;
    let measure = |reply: &Reply| {
        of_aws("AWS/ApiGateway", ("ApiId", "api"), &[("Count", 1), ("5xx", u8::from(reply.status >= 500))])
    };
    replies.iter().map(measure).collect()
}

/// Runs the monitor. Returns what Lambda measures of it.
async fn monitor(kai: &Kai) -> Value {
    let failed = kai.invoke("cache-monitor", &events::read("cache-monitor", "schedule")).await.is_err();
    kai.settled().await;
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
    fn take(&mut self, kai: &Kai) -> Vec<Value> {
        let all = kai.metrics();
        all[std::mem::replace(&mut self.0, all.len())..].to_vec()
    }
}

/// A healthy system and its recording: people are known to the cache, and the monitor has run.
async fn healthy(variables: Vec<(&'static str, String)>) -> (Kai, Vec<Person>, Tape, Vec<Value>) {
    let kai = start(variables).await;
    let mut people = Vec::new();
    for _ in 0..4 {
        people.push(kai.settle().await);
    }
    day(&kai, &people).await;
    let mut tape = Tape(0);
    tape.take(&kai);
    let mut measured = day(&kai, &people).await;
    measured.push(monitor(&kai).await);
    let recorded = [tape.take(&kai), measured].concat();
    (kai, people, tape, recorded)
}

/// Lays a recording into each of these minutes.
fn lay(metrics: &mut Metrics, recording: &[Value], minutes: std::ops::Range<i64>) {
    for minute in minutes {
        for (number, line) in recording.iter().enumerate() {
            metrics.fold(line, minute * 60 + number as i64 % 60);
        }
    }
}

/// The alarms that go off at any time before this minute, or within three of their periods after it.
fn raised(metrics: &Metrics, from: i64, to: i64, periods: i64) -> BTreeSet<String> {
    let alarms = cloudwatch::alarms().into_iter();
    let off = alarms.filter(|(_, alarm)| {
        let last = if periods == 0 { to * 60 } else { (from * 60 + (periods + 1) * alarm.period).min(to * 60) };
        alarm.goes_off(metrics, from * 60, last).is_some()
    });
    off.map(|(id, _)| id).collect()
}

/// Asserts that a fault raises these alarms within three periods, and that there was none before.
fn assert_raised(healthy: &[Value], faulty: &[Value], expected: &[&str]) {
    let mut metrics = Metrics::default();
    lay(&mut metrics, healthy, 0..BEFORE);
    lay(&mut metrics, faulty, BEFORE..BEFORE + DURING);
    assert_eq!(raised(&metrics, 5, BEFORE, 0), BTreeSet::new(), "before the fault");
    let raised = raised(&metrics, BEFORE, BEFORE + DURING, 3);
    for alarm in expected {
        assert!(raised.contains(*alarm), "{alarm} is not among {raised:?}");
    }
}

#[tokio::test]
async fn a_healthy_hour_raises_nothing() {
    let (_kai, _, _, recorded) = healthy(Vec::new()).await;
    let mut metrics = Metrics::default();
    lay(&mut metrics, &recorded, 0..65);
    let requests = recorded.iter().filter(|line| line.get("Requests").is_some()).count();
    assert!(requests > 60, "{requests} requests a minute are no traffic");
    assert_eq!(raised(&metrics, 5, 65, 0), BTreeSet::new());
    // The same without any traffic, but with a monitor that is heard.
    let monitored: Vec<_> =
        recorded.into_iter().filter(|line| line.get("Requests").is_none() && line.get("Count").is_none()).collect();
    let mut quiet = Metrics::default();
    lay(&mut quiet, &monitored, 0..65);
    assert_eq!(raised(&quiet, 5, 65, 0), BTreeSet::new());
}

#[tokio::test]
async fn without_redis_the_alarms_of_the_cache_go_off_and_none_of_what_users_notice() {
    let (kai, people, mut tape, well) = healthy(Vec::new()).await;
    kai.redis_proxy.as_ref().unwrap().refuse().await;
    let measured = day(&kai, &people).await;
    let run = monitor(&kai).await;
    let ill = [tape.take(&kai), measured, vec![run]].concat();
    assert_raised(&well, &ill, &["CacheErrorsAlarm", "CacheMonitorAlarm"]);
    assert!(ill.iter().all(|line| line["5xx"] != 1), "somebody noticed");
}

#[tokio::test]
async fn a_cache_that_forgets_lowers_the_hit_rate() {
    let (kai, people, mut tape, well) = healthy(Vec::new()).await;
    for _ in 0..6 {
        for person in &people {
            let (): () = kai.redis(redis::cmd("FLUSHALL").arg("SYNC")).await;
            person.get("/api/journal/entries").await;
            person.get(person.profile_path()).await;
        }
    }
    kai.settled().await;
    assert_raised(&well, &tape.take(&kai), &["HitRateAlarm"]);
}

#[tokio::test]
async fn without_the_database_errors_are_told_and_those_of_the_chat_apart() {
    let (kai, people, mut tape, well) = healthy(Vec::new()).await;
    kai.postgres_proxy.as_ref().unwrap().refuse().await;
    let measured = day(&kai, &people).await;
    let run = monitor(&kai).await;
    let expected = ["ErrorRateAlarm", "GatewayErrorsAlarm", "ChatErrorsAlarm", "CacheMonitorAlarm"];
    assert_raised(&well, &[tape.take(&kai), measured, vec![run]].concat(), &expected);
    people[0].post("/api/chat", &json!({"message": "I want to kill myself"})).await.good();
    kai.settled().await;
    assert_raised(&well, &tape.take(&kai), &["CrisisPathAlarm"]);
}

/// Nothing is printed that CloudWatch could make metrics of.
#[tokio::test]
async fn functions_that_cannot_start_are_told_by_the_gateway_and_by_lambda() {
    let (_kai, _, _, well) = healthy(Vec::new()).await;
    let kai = start(vec![("SLOW_QUERY_THRESHOLD", "soon".to_owned())]).await;
    let person = kai.settle().await;
    let measured = day(&kai, &[person]).await;
    assert!(measured.iter().all(|line| line["5xx"] == 1) && kai.metrics().is_empty(), "a function has started");
    let runs = ["chat-send", "metrics-rollup"].map(|function| of_lambda(function, true));
    let ill = [measured, runs.to_vec(), vec![monitor(&kai).await]].concat();
    let expected = ["GatewayErrorsAlarm", "ChatFunctionAlarm", "MetricsRollupAlarm", "CacheMonitorAlarm"];
    assert_raised(&well, &ill, &expected);
}

#[tokio::test]
async fn a_few_requests_at_night_that_all_fail_are_told_and_one_is_not() {
    let (_kai, _, _, well) = healthy(Vec::new()).await;
    let quiet: Vec<_> = well.into_iter().filter(|line| line["FunctionName"] == "cache-monitor").collect();
    let failed = of_aws("AWS/ApiGateway", ("ApiId", "api"), &[("Count", 1), ("5xx", 1)]);
    assert_raised(&quiet, &[quiet.clone(), vec![failed.clone()]].concat(), &["GatewayErrorsAlarm"]);
    let mut metrics = Metrics::default();
    lay(&mut metrics, &quiet, 0..BEFORE + DURING);
    lay(&mut metrics, &[failed], BEFORE..BEFORE + 1);
    assert_eq!(raised(&metrics, 5, BEFORE + DURING, 0), BTreeSet::new());
}

#[tokio::test]
async fn a_slow_database_is_told_by_its_queries() {
    let (kai, people, mut tape, well) = healthy(vec![("SLOW_QUERY_THRESHOLD", "0.1".to_owned())]).await;
    let (): () = kai.redis(redis::cmd("FLUSHALL").arg("SYNC")).await;
    kai.postgres_proxy.as_ref().unwrap().delay(std::time::Duration::from_millis(150));
    for person in people.iter().cycle().take(8) {
        person.get("/api/journal/entries?page_size=7").await;
        person.get(person.profile_path()).await;
        person.get("/api/chat/history").await;
        person.get("/api/auth/me").await;
        person.post("/api/journal/entries", &json!({"content": "dear diary"})).await;
        person.patch(person.profile_path(), &json!({"communication_style": "gentle"})).await;
    }
    kai.settled().await;
    assert_raised(&well, &tape.take(&kai), &["SlowQueriesAlarm"]);
}

#[tokio::test]
async fn a_model_that_fails_is_told() {
    let model = Model::start();
    let (kai, people, mut tape, well) = healthy(model.variables()).await;
    model.play(Script::Status(500));
    for (number, person) in people.iter().cycle().take(12).enumerate() {
        let message = format!("What can I do against worry number {number} of this long night?");
        person.post("/api/chat", &json!({"message": message})).await.good();
    }
    kai.settled().await;
    assert_raised(&well, &tape.take(&kai), &["ModelAlarm"]);
}

#[tokio::test]
async fn a_cache_that_is_full_is_told_by_its_memory_its_evictions_and_its_families() {
    let (kai, _, mut tape, well) = healthy(Vec::new()).await;
    let event = events::read("cache-monitor", "schedule");
    let populate = |family: &str, number: u64, bytes: u64| {
        let mut command = redis::cmd("DEBUG");
        command.arg("POPULATE").arg(number).arg(family).arg(bytes);
        command
    };
    let (): () = kai.redis(&populate("journal:list", 3000, 30_000)).await;
    kai.invoke("cache-monitor", &event).await.unwrap();
    assert_raised(&well, &tape.take(&kai), &["FamilyBudgetAlarm"]);
    for (name, value) in [("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")] {
        let (): () = kai.redis(redis::cmd("CONFIG").arg("SET").arg(name).arg(value)).await;
    }
    for number in 0..100 {
        let (): () = kai.redis(redis::cmd("SET").arg(format!("session:{number}")).arg("x".repeat(300_000))).await;
    }
    kai.invoke("cache-monitor", &event).await.unwrap();
    assert_raised(&well, &tape.take(&kai), &["CacheMemoryAlarm", "CacheEvictionsAlarm"]);
}

/// Of these AWS tells, or `ElastiCache` through cache-monitor; here their values are made up.
#[tokio::test]
async fn what_aws_itself_tells_raises_its_alarm() {
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
        let mut metrics = Metrics::default();
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
