//! `GET` and `DELETE /health/detailed`.

use api_tests::{ModelResponse, RedisChoice, Setup, StubModel, TestApp};
use serde_json::{Value, json};

const PATH: &str = "/health/detailed";

async fn start(variables: Vec<(&'static str, String)>) -> TestApp {
    TestApp::start_with(Setup { variables, redis: RedisChoice::Own, delivers_logs: true, ..Setup::default() }).await
}

#[tokio::test]
async fn an_operator_sees_details_and_everybody_else_the_plain_health() {
    let key = "an operator's key";
    let app = start(vec![("OPERATOR_KEY", key.to_owned())]).await;
    let ada = app.new_user().await;
    ada.list_entries().await;
    app.emulator.delivered().await;

    let told = app.anonymous().get(PATH).header("authorization", format!("Bearer {key}")).await;
    assert_eq!((told.header("cache-control"), told.header("x-cache")), (Some("no-store"), None));
    let told = told.expect_success();
    assert_eq!((&told["status"], &told["version"]), (&json!("healthy"), &json!(env!("CARGO_PKG_VERSION"))));
    for dependency in ["database", "redis", "llm"] {
        assert_eq!(told[dependency]["status"], "healthy", "{told}");
        assert!(
            told[dependency]["response_time_ms"].as_f64().is_some_and(|time| (0.0..1000.0).contains(&time)),
            "{told}"
        );
    }
    assert_eq!(told["llm"]["model"], "built-in");
    assert_eq!((&told["performance"]["window_seconds"], &told["performance"]["count"]), (&json!(900), &json!(1)));

    let health = app.anonymous().get("/health").await.expect_success();
    for shown in [None, Some("Bearer another key".to_owned()), Some(format!("Basic {key}")), Some("Bearer ".to_owned())]
    {
        let request = app.anonymous().get(PATH);
        let request = if let Some(shown) = &shown { request.header("authorization", shown) } else { request };
        assert_eq!(request.await.expect_success(), health, "{shown:?}");
    }
    assert_eq!(ada.get(PATH).await.expect_success(), health, "whoever is signed in is no operator");
    for client in [app.anonymous(), app.anonymous().with_token("another-key")] {
        client.request("DELETE", PATH).await.expect_problem(401, "unauthenticated");
    }
    let text = format!("{:?}", app.logs.lines());
    assert!(!text.contains(key), "the key is in a log");
}

#[tokio::test]
async fn an_empty_operator_key_admits_nobody_and_a_star_admits_everybody() {
    for (key, is_operator) in [("*", true), ("", false)] {
        let app = start(vec![("OPERATOR_KEY", key.to_owned())]).await;
        for shown in ["", "*", "another key"] {
            let told =
                app.anonymous().get(PATH).header("authorization", format!("Bearer {shown}")).await.expect_success();
            assert_eq!(told["performance"].is_object(), is_operator, "{key:?} {shown:?}");
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
    let statuses = |told: &Value| {
        ["database", "redis", "llm"].map(|name| told[name]["status"].as_str().unwrap_or_default().to_owned())
    };
    let ask = async || {
        // An environment asks at most once a second.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        app.anonymous().get(PATH).await
    };
    let well = ask().await;
    assert_eq!((well.status, well.json()["status"].clone()), (200, json!("healthy")));
    assert_eq!(well.json()["llm"]["model"], "scripted");

    model.respond_with(ModelResponse::Status(500));
    let told = ask().await;
    assert_eq!((told.status, told.json()["status"].clone()), (200, json!("degraded")));
    assert_eq!(statuses(&told.json()), ["healthy", "healthy", "unhealthy"]);
    model.respond_with(ModelResponse::Status(404));
    assert_eq!(ask().await.json()["status"], "healthy", "a server need not list its models");

    app.redis_proxy.as_ref().unwrap().refuse().await;
    let told = ask().await;
    assert_eq!((told.status, told.json()["status"].clone()), (200, json!("degraded")));
    assert_eq!(statuses(&told.json()), ["healthy", "unhealthy", "healthy"]);

    app.postgres_proxy.as_ref().unwrap().refuse().await;
    let told = ask().await;
    assert_eq!((told.status, told.json()["status"].clone()), (503, json!("unhealthy")));
    assert_eq!(statuses(&told.json()), ["unhealthy", "unhealthy", "healthy"]);
    assert_eq!(told.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn an_environment_checks_its_dependencies_at_most_once_a_second() {
    let model = StubModel::start();
    let app = TestApp::start_with(Setup { variables: model.variables(), environments: 1, ..Setup::default() }).await;
    let began = std::time::Instant::now();
    for _ in 0..20 {
        app.anonymous().get(PATH).await.expect_success();
    }
    let (asked, seconds) = (model.take_calls().len() as u64, began.elapsed().as_secs());
    assert!((1..=seconds + 1).contains(&asked), "{asked} times in {seconds} s");
    assert!(asked < 20);
}

#[tokio::test]
async fn the_window_parameter_is_validated() {
    let app = TestApp::shared().await;
    // Of over six hours the first is a full one.
    for (window, seconds) in [("1m", 60..=60), ("90m", 5400..=5400), ("24h", 86_400..=89_940)] {
        let told = app.anonymous().get(format!("{PATH}?window={window}")).await.expect_success();
        let told = told["performance"]["window_seconds"].as_i64().unwrap();
        assert!(seconds.contains(&told), "{window}: {told}");
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
    let told = app.performance("15m").await;
    assert!(told["endpoints"].get("GET /api/journal/entries").is_none(), "{told}");
    ada.list_entries().await;
    assert_eq!(app.performance("15m").await["endpoints"]["GET /api/journal/entries"]["count"], 1);
}
