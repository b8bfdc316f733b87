//! Tests of `GET` and `DELETE /health/detailed`.

use std::time::Instant;

use api_tests::{ModelResponse, RedisChoice, Response, Setup, StubModel, TestApp};
use serde_json::json;

const PATH: &str = "/health/detailed";

async fn start(variables: Vec<(&'static str, String)>) -> TestApp {
    TestApp::start_with(Setup { variables, redis: RedisChoice::Own, delivers_logs: true, ..Setup::default() }).await
}

#[tokio::test]
async fn an_operator_sees_details_and_every_other_caller_sees_the_plain_health() {
    let key = "an operator's key";
    let app = start(vec![("OPERATOR_KEY", key.to_owned())]).await;
    let ada = app.new_user().await;
    ada.list_entries().await;
    app.emulator.delivered().await;

    let request = app.anonymous().get(PATH).header("authorization", format!("Bearer {key}"));
    let response = request
        .until("healthy response with statistics", |response| response.is_healthy() && response.has_statistics())
        .await;
    assert_eq!((response.header("cache-control"), response.header("x-cache")), (Some("no-store"), None));
    let details = response.expect_success();
    assert_eq!((&details["status"], &details["version"]), (&json!("healthy"), &json!(env!("CARGO_PKG_VERSION"))));
    for dependency in ["database", "redis", "llm"] {
        assert_eq!(details[dependency]["status"], "healthy", "{details}");
        assert!(
            details[dependency]["response_time_ms"].as_f64().is_some_and(|time| (0.0..1000.0).contains(&time)),
            "{details}"
        );
    }
    assert_eq!(details["llm"]["model"], "built-in");
    let performance = &details["performance"];
    assert_eq!(performance["window_seconds"], 900);
    assert_eq!(performance["endpoints"]["GET /api/journal/entries"]["count"], 1);

    let health = app.anonymous().get("/health").until("healthy response", Response::is_healthy).await.expect_success();
    for authorization in
        [None, Some("Bearer another key".to_owned()), Some(format!("Basic {key}")), Some("Bearer ".to_owned())]
    {
        let request = app.anonymous().get(PATH);
        let request = match &authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        };
        request.until("plain health response", |response| response.json() == health).await;
    }
    // A signed-in user is not an operator.
    ada.get(PATH).until("plain health response", |response| response.json() == health).await;
    for client in [app.anonymous(), app.anonymous().with_token("another-key")] {
        client.request("DELETE", PATH).await.expect_problem(401, "unauthenticated");
    }
    let text = format!("{:?}", app.logs.lines());
    assert!(!text.contains(key), "a log line contains the key");
}

#[tokio::test]
async fn an_empty_operator_key_admits_no_caller_and_an_asterisk_admits_every_caller() {
    for (key, is_operator) in [("*", true), ("", false)] {
        let app = start(vec![("OPERATOR_KEY", key.to_owned())]).await;
        for token in ["", "*", "another key"] {
            let request = app.anonymous().get(PATH).header("authorization", format!("Bearer {token}"));
            if is_operator {
                request.until("statistics", Response::has_statistics).await;
            } else {
                assert!(!request.await.has_statistics(), "{key:?} {token:?}");
            }
        }
    }
}

#[tokio::test]
async fn unavailable_dependencies_are_reported() {
    let model = StubModel::start();
    let app = TestApp::start_with(Setup {
        variables: model.variables(),
        redis: RedisChoice::Own,
        proxied: true,
        ..Setup::default()
    })
    .await;
    let statuses = |response: &Response| {
        let health = response.json();
        ["database", "redis", "llm"].map(|name| health[name]["status"].as_str().unwrap_or_default().to_owned())
    };
    // An environment checks its dependencies at most once a second, so a change becomes visible
    // after a delay.
    let wait_for = async |expected: [&str; 3]| {
        let has_changed = |response: &Response| statuses(response) == expected;
        app.anonymous().get(PATH).until(&format!("response with the statuses {expected:?}"), has_changed).await
    };
    let health = wait_for(["healthy", "healthy", "healthy"]).await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("healthy")));
    assert_eq!(health.json()["llm"]["model"], "scripted");

    model.respond_with(ModelResponse::Status(500));
    let health = wait_for(["healthy", "healthy", "unhealthy"]).await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));
    // A model server does not have to list its models.
    model.respond_with(ModelResponse::Status(404));
    let health = wait_for(["healthy", "healthy", "healthy"]).await;
    assert_eq!(health.json()["status"], "healthy");

    app.redis_proxy.as_ref().unwrap().refuse().await;
    let health = wait_for(["healthy", "unhealthy", "healthy"]).await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("degraded")));

    app.postgres_proxy.as_ref().unwrap().refuse().await;
    let health = wait_for(["unhealthy", "unhealthy", "healthy"]).await;
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("unhealthy")));
    assert_eq!(health.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn an_environment_checks_its_dependencies_at_most_once_a_second() {
    let model = StubModel::start();
    let app = TestApp::start_with(Setup { variables: model.variables(), environments: 1, ..Setup::default() }).await;
    let started = Instant::now();
    for _ in 0..20 {
        app.anonymous().get(PATH).await.expect_success();
    }
    let (checks, seconds) = (model.take_calls().len() as u64, started.elapsed().as_secs());
    assert!((1..=seconds + 1).contains(&checks), "{checks} checks in {seconds} s");
    assert!(checks < 20);
}

#[tokio::test]
async fn the_window_parameter_is_validated() {
    let app = TestApp::shared().await;
    // A window of more than six hours begins at a full hour.
    for (window, seconds) in [("1m", 60..=60), ("90m", 5400..=5400), ("24h", 86_400..=89_940)] {
        let request = app.anonymous().get(format!("{PATH}?window={window}"));
        let details = request.until("statistics", Response::has_statistics).await;
        let length = details.json()["performance"]["window_seconds"].as_i64().unwrap();
        assert!(seconds.contains(&length), "{window}: {length}");
    }
    for window in ["", "0m", "25h", "soon", "15"] {
        let response = app.anonymous().get(format!("{PATH}?window={window}")).await;
        let problem = response.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "window", "{problem}");
    }
}

#[tokio::test]
async fn the_statistics_can_be_reset() {
    let app = start(Vec::new()).await;
    let ada = app.new_user().await;
    ada.list_entries().await;
    ada.list_entries().await;
    assert_eq!(app.performance("15m").await["endpoints"]["GET /api/journal/entries"]["count"], 2);
    let response = app.anonymous().request("DELETE", PATH).await;
    assert_eq!((response.status, response.body.len()), (204, 0));
    let performance = app.performance("15m").await;
    assert!(performance["endpoints"].get("GET /api/journal/entries").is_none(), "{performance}");
    ada.list_entries().await;
    assert_eq!(app.performance("15m").await["endpoints"]["GET /api/journal/entries"]["count"], 1);
}
