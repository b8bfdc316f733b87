//! A message that looks like a crisis: answered at once, by whoever is asked, whatever is away.

use std::time::Duration;

use api_tests::{Kai, Model, PostgresChoice, RedisChoice, Reply, Script, Setup};
use serde_json::json;

use super::chat_send::say;

const CRISIS: &str = "I want to kill myself";

#[track_caller]
fn is_crisis_answer(reply: &Reply) {
    let answer = reply.good();
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{answer}");
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
async fn it_is_kept_in_the_conversation_and_counted_without_its_text() {
    let kai = Kai::shared().await;
    let ada = kai.settle().await;
    let reply = ada.post("/api/chat", &json!({"message": CRISIS})).await;
    is_crisis_answer(&reply);
    assert!(reply.good()["metadata"]["conversation_id"].is_string());
    let metrics = kai.metrics_of(&reply);
    assert_eq!((&metrics["CrisisResources"], &metrics["LlmCalls"]), (&json!(1), &json!(0)));
    assert!(!metrics.to_string().contains("kill"));
    let history = ada.get("/api/chat/history").await.good();
    assert_eq!(history["messages"][0]["content"], CRISIS);
}

#[tokio::test]
async fn it_is_never_looked_up_nor_kept_among_the_answers_and_the_model_is_not_asked() {
    let model = Model::start();
    let setup = Setup {
        redis: RedisChoice::Own,
        proxied: true,
        environments: 1,
        variables: model.variables(),
        ..Setup::default()
    };
    let kai = Kai::start_with(setup).await;
    let ada = kai.settle().await;
    say(&ada, "Hello there dear Kai").await;
    model.take();
    kai.settled().await;
    let proxy = kai.redis_proxy.as_ref().unwrap();
    proxy.take();
    for _ in 0..3 {
        is_crisis_answer(&ada.post("/api/chat", &json!({"message": CRISIS})).await);
    }
    kai.settled().await;
    let traffic = proxy.take();
    // The session is looked up, the message is counted, and the guards of the conversation and of the answers are dropped.
    let is_expected = |message: &String| message.starts_with("EVAL ") || message.contains(" session:");
    assert!(traffic.messages.iter().all(is_expected), "{traffic:?}");
    assert_eq!(model.take().len(), 0);
}

#[tokio::test]
async fn somebody_who_is_not_signed_in_is_answered_too_and_everybody_else_is_told_whom_to_turn_to() {
    let kai = Kai::shared().await;
    is_crisis_answer(&kai.anonymous().post("/api/chat", &json!({"message": CRISIS})).await);
    is_crisis_answer(&kai.anonymous().with_token("made-up").post("/api/chat", &json!({"message": CRISIS})).await);
    // Too long to be kept is not too long to be answered.
    let long = format!("{CRISIS}. {}", "I am so tired of everything. ".repeat(1000));
    is_crisis_answer(&kai.anonymous().post("/api/chat", &json!({"message": long})).await);
    let ada = kai.settle().await;
    is_crisis_answer(&ada.post("/api/chat", &json!({"message": long, "user_id": "nobody"})).await);
    assert_eq!(ada.get("/api/chat/history").await.good()["messages"], json!([]));
    for (reply, status, code) in [
        (kai.anonymous().post("/api/chat", &json!({"message": "hello"})).await, 401, "unauthenticated"),
        (ada.post("/api/chat", &json!({"message": ""})).await, 422, "invalid_fields"),
        (ada.request("POST", "/api/chat").body("application/json", "{").await, 400, "malformed"),
    ] {
        let problem = reply.expect_problem(status, code);
        assert_eq!(problem["resources"][0]["phone"], "988", "{problem}");
    }
}

#[tokio::test]
async fn the_resources_are_those_of_the_country_that_the_request_names() {
    let kai = Kai::shared().await;
    let ask = |body: serde_json::Value| kai.anonymous().post("/api/chat", &body);
    let first = |reply: Reply| reply.good()["resources"][0]["country"].clone();
    assert_eq!(first(ask(json!({"message": CRISIS})).await), "US");
    assert_eq!(first(ask(json!({"message": CRISIS, "country": "at"})).await), "AT");
    assert_eq!(first(ask(json!({"message": CRISIS})).header("accept-language", "de-CH, de;q=0.8").await), "CH");
    assert_eq!(first(ask(json!({"message": CRISIS, "country": "GB"})).header("accept-language", "de-CH").await), "GB");
    for odd in [json!("XX"), json!(7), json!("Atlantis"), json!("")] {
        assert_eq!(first(ask(json!({"message": CRISIS, "country": odd})).await), "US", "{odd}");
    }
}

#[tokio::test]
async fn it_is_answered_in_half_a_second_while_redis_postgres_and_the_model_are_away() {
    let model = Model::start();
    model.play(Script::SayAfter(Duration::from_secs(60), "too late".to_owned()));
    let setup = Setup {
        redis: RedisChoice::Own,
        postgres: PostgresChoice::Own(Vec::new()),
        proxied: true,
        variables: model.variables(),
        ..Setup::default()
    };
    let kai = Kai::start_with(setup).await;
    let ada = kai.settle().await;
    let send = || ada.post("/api/chat", &json!({"message": CRISIS}));
    is_crisis_answer(&send().await);
    let (redis, postgres) = (kai.redis_proxy.as_ref().unwrap(), kai.postgres_proxy.as_ref().unwrap());
    for fault in ["silent", "refusing"] {
        match fault {
            "silent" => [redis, postgres].iter().for_each(|proxy| proxy.swallow()),
            _ => drop(futures_util::future::join(redis.refuse(), postgres.refuse()).await),
        }
        // The warm environment, and as many new ones as there are requests beside it.
        for reply in futures_util::future::join_all((0..2).map(|_| send().into_future())).await {
            is_crisis_answer(&reply);
            assert!(reply.good()["metadata"]["conversation_id"].is_null(), "{fault}: {}", reply.text());
            let metrics = kai.metrics_of(&reply);
            assert!(metrics["Latency"].as_f64().unwrap() < 500.0, "{fault}: {metrics}");
        }
    }
}
