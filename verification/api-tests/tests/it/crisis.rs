//! Messages that indicate a crisis. They get an answer at once, with or without a session, even if
//! dependencies are unavailable.

use std::time::Duration;

use api_tests::{ModelResponse, PostgresChoice, RedisChoice, Response, Setup, StubModel, TestApp, send_all};
use futures_util::future::join;
use serde_json::{Value, json};

use super::chat_send::say;

const CRISIS: &str = "I want to kill myself";

/// Asserts that the response is the answer to a crisis.
#[track_caller]
fn assert_crisis_answer(response: &Response) {
    let answer = response.expect_success();
    assert_eq!((response.status, response.header("cache-control")), (200, Some("no-store")), "{answer}");
    let resources = answer["resources"].as_array().unwrap();
    assert!(resources.iter().any(|resource| resource["phone"] == "988"), "{answer}");
    for resource in resources {
        for member in ["country", "name", "web", "source", "reviewed"] {
            assert!(resource[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {resource}");
        }
    }
    assert_eq!((&answer["metadata"]["safety"], &answer["metadata"]["cached"]), (&json!("warning"), &json!(false)));
}

#[tokio::test]
async fn a_crisis_message_is_stored_and_counted_without_logging_its_text() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let response = ada.post("/api/chat", &json!({"message": CRISIS})).await;
    assert_crisis_answer(&response);
    assert!(response.expect_success()["metadata"]["conversation_id"].is_string());
    let metrics = app.metrics_of(&response);
    assert_eq!((&metrics["CrisisResources"], &metrics["LlmCalls"]), (&json!(1), &json!(0)));
    assert!(!metrics.to_string().contains("kill"));
    let history = ada.get("/api/chat/history").await.expect_success();
    assert_eq!(history["messages"][0]["content"], CRISIS);
}

#[tokio::test]
async fn a_crisis_message_uses_neither_the_answer_cache_nor_the_model() {
    let model = StubModel::start();
    let setup = Setup {
        redis: RedisChoice::Own,
        proxied: true,
        environments: 1,
        variables: model.variables(),
        ..Setup::default()
    };
    let app = TestApp::start_with(setup).await;
    let ada = app.new_user().await;
    say(&ada, "Hello there dear Kai").await;
    model.take_calls();
    app.wait_until_idle().await;
    let proxy = app.redis_proxy.as_ref().unwrap();
    proxy.take_traffic();
    for _ in 0..3 {
        assert_crisis_answer(&ada.post("/api/chat", &json!({"message": CRISIS})).await);
    }
    app.wait_until_idle().await;
    let traffic = proxy.take_traffic();
    // The only commands look up the session, count the message, and drop the guards of the
    // conversation and of the answers.
    let is_expected = |message: &String| message.starts_with("EVAL ") || message.contains(" session:");
    assert!(traffic.messages.iter().all(is_expected), "{traffic:?}");
    assert_eq!(model.take_calls().len(), 0);
}

#[tokio::test]
async fn a_crisis_message_needs_no_session_and_every_chat_error_contains_resources() {
    let app = TestApp::shared().await;
    assert_crisis_answer(&app.anonymous().post("/api/chat", &json!({"message": CRISIS})).await);
    assert_crisis_answer(&app.anonymous().with_token("made-up").post("/api/chat", &json!({"message": CRISIS})).await);
    // A message that is too long to be stored gets an answer too.
    let long = format!("{CRISIS}. {}", "I am so tired of everything. ".repeat(1000));
    assert_crisis_answer(&app.anonymous().post("/api/chat", &json!({"message": long})).await);
    let ada = app.new_user().await;
    assert_crisis_answer(&ada.post("/api/chat", &json!({"message": long, "user_id": "nobody"})).await);
    assert_eq!(ada.get("/api/chat/history").await.expect_success()["messages"], json!([]));
    for (response, status, code) in [
        (app.anonymous().post("/api/chat", &json!({"message": "hello"})).await, 401, "unauthenticated"),
        (ada.post("/api/chat", &json!({"message": ""})).await, 422, "invalid_fields"),
        (ada.request("POST", "/api/chat").body("application/json", "{").await, 400, "malformed"),
    ] {
        let problem = response.expect_problem(status, code);
        assert_eq!(problem["resources"][0]["phone"], "988", "{problem}");
    }
}

#[tokio::test]
async fn the_resources_are_those_of_the_requested_country() {
    let app = TestApp::shared().await;
    let ask = |body: Value| app.anonymous().post("/api/chat", &body);
    let country = |response: Response| response.expect_success()["resources"][0]["country"].clone();
    assert_eq!(country(ask(json!({"message": CRISIS})).await), "US");
    assert_eq!(country(ask(json!({"message": CRISIS, "country": "at"})).await), "AT");
    assert_eq!(country(ask(json!({"message": CRISIS})).header("accept-language", "de-CH, de;q=0.8").await), "CH");
    assert_eq!(
        country(ask(json!({"message": CRISIS, "country": "GB"})).header("accept-language", "de-CH").await),
        "GB"
    );
    for invalid in [json!("XX"), json!(7), json!("Atlantis"), json!("")] {
        assert_eq!(country(ask(json!({"message": CRISIS, "country": invalid})).await), "US", "{invalid}");
    }
}

#[tokio::test]
async fn a_crisis_message_is_answered_within_half_a_second_during_a_full_outage() {
    let model = StubModel::start();
    model.respond_with(ModelResponse::DelayedText(Duration::from_secs(60), "too late".to_owned()));
    let setup = Setup {
        redis: RedisChoice::Own,
        postgres: PostgresChoice::Own(Vec::new()),
        proxied: true,
        variables: model.variables(),
        ..Setup::default()
    };
    let app = TestApp::start_with(setup).await;
    let ada = app.new_user().await;
    let send = || ada.post("/api/chat", &json!({"message": CRISIS}));
    assert_crisis_answer(&send().await);
    let (redis, postgres) = (app.redis_proxy.as_ref().unwrap(), app.postgres_proxy.as_ref().unwrap());
    for fault in ["blackholed", "refused"] {
        match fault {
            "blackholed" => [redis, postgres].iter().for_each(|proxy| proxy.blackhole()),
            _ => drop(join(redis.refuse(), postgres.refuse()).await),
        }
        // One request uses the warm environment, and the other one starts a new environment.
        for response in send_all((0..2).map(|_| send())).await {
            assert_crisis_answer(&response);
            assert!(response.json()["metadata"]["conversation_id"].is_null(), "{fault}: {}", response.text());
            let metrics = app.metrics_of(&response);
            assert!(metrics["Latency"].as_f64().unwrap() < 500.0, "{fault}: {metrics}");
        }
    }
}
