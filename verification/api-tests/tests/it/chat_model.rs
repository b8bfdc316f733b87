//! Tests of `POST /api/chat` with a language model that is called over HTTP, and that works or
//! fails in many ways.

use std::time::Duration;

use api_tests::{ModelResponse, Response, Setup, StubModel, TestApp, TestUser, send_all, wait_until};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::chat_send::{cached_answer, say};

const QUESTION: &str = "How can I calm down before an exam?";

async fn start() -> (TestApp, StubModel) {
    let model = StubModel::start();
    let app = TestApp::start_with(Setup { variables: model.variables(), ..Setup::default() }).await;
    (app, model)
}

/// Asks the same question several times concurrently.
async fn ask_concurrently(user: &TestUser, times: usize) -> Vec<Value> {
    let requests = (0..times).map(|_| user.post("/api/chat", &json!({"message": QUESTION})));
    send_all(requests).await.iter().map(Response::expect_success).collect()
}

#[tokio::test]
async fn the_model_receives_the_history_the_profile_and_the_api_key() {
    let (app, model) = start().await;
    let ada = app.new_user().await;
    let profile = json!({"traits": {"age": 31}, "preferences": {"tone": "plain"}, "communication_style": "direct"});
    ada.patch(ada.profile_path(), &profile).await.expect_success();
    let answer = say(&ada, QUESTION).await;
    assert_eq!(
        (&answer["response"], &answer["metadata"]["model"]),
        (&json!("Hello from the model."), &json!("scripted"))
    );
    say(&ada, "yes").await;
    let calls = model.take_calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        (&calls[0]["model"], model.authorization().as_deref()),
        (&json!("scripted"), Some("Bearer sk-scripted"))
    );
    let messages = calls[1]["messages"].as_array().unwrap();
    let turns: Vec<_> =
        messages.iter().skip(1).map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap())).collect();
    assert_eq!(turns, [("user", QUESTION), ("assistant", "Hello from the model."), ("user", "yes")]);
    let system = messages[0]["content"].as_str().unwrap();
    assert!(
        system.contains("\"age\":31") && system.contains("\"tone\":\"plain\"") && system.contains("direct"),
        "{system}"
    );
    assert!(
        !system.contains(&ada.email) && !system.contains(&ada.id.to_string()),
        "the model must not receive personal data"
    );
}

#[tokio::test]
async fn the_model_receives_the_same_prompt_from_the_cache_and_from_the_database() {
    let (app, model) = start().await;
    let [ada, bob] = [app.new_user().await, app.new_user().await];
    let long = "Über allen Gipfeln ist Ruh. ".repeat(100);
    // These are more messages than the prompt contains, and one of them is too long for it.
    for message in ["yes"; 11].into_iter().chain([long.as_str()]) {
        say(&ada, message).await;
        say(&bob, message).await;
    }
    for style in ["direct", "gentle", "brief", "warm", "dry"] {
        // Bob never reads, so his context is not cached and comes from the database.
        ada.get("/api/chat/history").until_hit().await;
        ada.get(ada.profile_path()).until_hit().await;
        model.take_calls();
        let response = ada.post("/api/chat", &json!({"message": "and then?"})).await;
        response.expect_success();
        say(&bob, "and then?").await;
        let calls = model.take_calls();
        assert_eq!(calls[0], calls[1]);
        assert_eq!(calls[0]["messages"].as_array().unwrap().len(), 1 + 20 + 1);
        for user in [&ada, &bob] {
            user.patch(user.profile_path(), &json!({"communication_style": style})).await.expect_success();
        }
        app.wait_until_idle().await;
        if app.metrics_of(&response)["DbQueries"] == 1 {
            ada.get("/api/chat/history").until_hit().await;
            say(&ada, "and then?").await;
            let system = model.take_calls()[0]["messages"][0]["content"].as_str().unwrap().to_owned();
            assert!(system.contains(style), "the profile is outdated: {system}");
            return;
        }
    }
    panic!("the context never came from the cache");
}

#[tokio::test]
async fn the_model_is_not_called_while_the_answer_cannot_be_stored() {
    let model = StubModel::start();
    let app =
        TestApp::start_with(Setup { variables: model.variables(), proxied: true, environments: 1, ..Setup::default() })
            .await;
    let ada = app.new_user().await;
    say(&ada, "yes").await;
    ada.get("/api/chat/history").until_hit().await;
    ada.get(ada.profile_path()).until_hit().await;
    model.take_calls();
    app.postgres_proxy.as_ref().unwrap().refuse().await;
    let response = ada.post("/api/chat", &json!({"message": "yes"})).await;
    assert_eq!((response.status, model.take_calls().len()), (503, 0));
}

#[tokio::test]
async fn every_failure_of_the_model_gets_a_fallback_answer_in_time() {
    // Each failure gets its own model and its own system, because the checks run concurrently.
    let redirected = StubModel::start();
    let failures = [
        ModelResponse::DelayedText(Duration::from_secs(60), "too late".to_owned()),
        ModelResponse::Trickle,
        ModelResponse::Status(429),
        ModelResponse::Status(500),
        ModelResponse::Body(b"not JSON".to_vec()),
        ModelResponse::Body(b"{\"choices\": []}".to_vec()),
        ModelResponse::Body(b"{\"choices\": [{\"message\": {\"content\": null, \"tool_calls\": [{}]}}]}".to_vec()),
        ModelResponse::Body(b"{\"choices\": [{\"message\": {\"content\": \"\xff\xfe\"}}]}".to_vec()),
        ModelResponse::Body(b"{\"choices\": [{\"message\": {\"content\": \"  \"}}]}".to_vec()),
        ModelResponse::TruncatedBody,
        ModelResponse::Redirect(redirected.url()),
        ModelResponse::LongText(300 * 1024),
        ModelResponse::LongText(30 * 1024 * 1024),
        ModelResponse::Disconnect,
    ];
    let checks = failures.map(|failure| async move {
        let (app, model) = start().await;
        model.respond_with(failure.clone());
        let ada = app.new_user().await;
        let response = ada.post("/api/chat", &json!({"message": QUESTION})).await;
        let answer = response.expect_success();
        assert_eq!(answer["metadata"]["fallback"], true, "{failure:?}: {answer}");
        assert!(answer["response"].as_str().unwrap().contains("helpline"), "{failure:?}");
        let latency = app.metrics_of(&response)["Latency"].as_f64().unwrap();
        assert!(latency < 27_000.0, "{failure:?}: {latency} ms");
        assert_eq!(model.take_calls().len(), 1, "{failure:?}: a call that was received is not repeated");
        let history = ada.get("/api/chat/history").await.expect_success();
        assert_eq!(history["messages"].as_array().unwrap().len(), 2, "{failure:?}");
        // The fallback is not cached. The model is called again as soon as it works.
        model.respond_with(ModelResponse::Text("I am back.".to_owned()));
        assert_eq!(say(&ada, QUESTION).await["response"], "I am back.", "{failure:?}");
    });
    join_all(checks).await;
    assert_eq!(redirected.take_calls(), Vec::<Value>::new(), "a redirect was followed");
}

#[tokio::test]
async fn an_unreachable_model_gets_a_fallback_answer() {
    let app = TestApp::start_with(Setup {
        variables: vec![("LLM_BASE_URL", "http://127.0.0.1:1/v1".to_owned()), ("LLM_MODEL", "gone".to_owned())],
        ..Setup::default()
    })
    .await;
    let ada = app.new_user().await;
    let response = ada.post("/api/chat", &json!({"message": QUESTION})).await;
    assert_eq!(response.expect_success()["metadata"]["fallback"], true);
    app.wait_for_log("the model did not reply").await;
}

#[tokio::test]
async fn concurrent_identical_questions_call_the_model_once() {
    let (app, model) = start().await;
    let ada = app.new_user().await;
    model.respond_with(ModelResponse::DelayedText(Duration::from_millis(700), "Breathe out slowly.".to_owned()));
    let answers = ask_concurrently(&ada, 4).await;
    assert!(answers.iter().all(|answer| answer["response"] == "Breathe out slowly."), "{answers:?}");
    assert_eq!(model.take_calls().len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer["metadata"]["cached"] == true).count(), 3);
    say(&ada, QUESTION).await;
    assert_eq!(model.take_calls().len(), 0);
    for _ in 0..2 {
        say(&ada, "yes").await;
    }
    assert_eq!(model.take_calls().len(), 2, "a message that depends on the context is never answered from the cache");
    // The answer is not shared with another user.
    let bob = app.new_user().await;
    say(&bob, QUESTION).await;
    assert_eq!(model.take_calls().len(), 1);
}

#[tokio::test]
async fn a_request_that_waits_for_a_failing_call_then_calls_the_model_itself() {
    let (app, model) = start().await;
    let ada = app.new_user().await;
    model.respond_with(ModelResponse::Status(500));
    let answers = ask_concurrently(&ada, 2).await;
    assert!(answers.iter().all(|answer| answer["metadata"]["fallback"] == true), "{answers:?}");
    assert_eq!(model.take_calls().len(), 2);
}

#[tokio::test]
async fn an_answer_to_the_old_profile_is_not_reused_after_the_profile_changes() {
    let model = StubModel::start();
    let app = TestApp::start_with(Setup { variables: model.variables(), proxied: true, ..Setup::default() }).await;
    let ada = app.new_user().await;
    // Starts two environments in advance, so that both requests are in progress at the same time.
    send_all((0..2).map(|_| ada.post("/api/chat", &json!({"message": "yes"})))).await;
    let redis = app.redis_proxy.as_ref().unwrap();
    drop((model.take_calls(), redis.take_traffic()));
    model.respond_with(ModelResponse::HeldText("To the old profile.".to_owned()));
    let questions = ask_concurrently(&ada, 2);
    let change = async {
        // Both requests have read the profile as soon as both have tried to get the fill lock, or
        // as soon as both have called the model.
        let mut attempts = 0;
        wait_until(Duration::from_secs(10), "both requests wait for the model", async || {
            let commands = redis.take_traffic().messages;
            attempts +=
                commands.iter().filter(|command| command.starts_with("SET ") && command.ends_with(":fill")).count();
            model.call_count() > 0 && (attempts > 1 || model.call_count() > 1)
        })
        .await;
        ada.patch(ada.profile_path(), &json!({"communication_style": "direct"})).await.expect_success();
        model.release();
    };
    join(questions, change).await;
    model.respond_with(ModelResponse::Text("To the new profile.".to_owned()));
    let answer = say(&ada, QUESTION).await;
    assert_eq!((&answer["response"], &answer["metadata"]["cached"]), (&json!("To the new profile."), &json!(false)));
    let answer = cached_answer(&ada, QUESTION).await;
    assert_eq!(answer["response"], "To the new profile.");
}

#[tokio::test]
async fn a_cached_answer_survives_the_invalidation_of_the_session() {
    let (app, model) = start().await;
    let ada = app.new_user().await;
    say(&ada, QUESTION).await;
    model.take_calls();
    let guard = format!("session:{}:guard", ada.id);
    let _: () = app.redis(redis::cmd("DEL").arg(guard)).await;
    assert_eq!(say(&ada, QUESTION).await["metadata"]["cached"], true);
    assert_eq!(model.take_calls().len(), 0);
}

#[tokio::test]
async fn a_harmful_answer_is_withheld_a_crisis_answer_contains_resources_and_neither_is_cached() {
    let (app, model) = start().await;
    let ada = app.new_user().await;
    for (text, safety) in [
        ("You should kill yourself, nobody would miss you.", "blocked"),
        ("If you think of suicide, please call 988.", "warning"),
    ] {
        model.respond_with(ModelResponse::Text(text.to_owned()));
        for _ in 0..2 {
            let answer = say(&ada, QUESTION).await;
            assert_eq!(
                (&answer["metadata"]["safety"], &answer["metadata"]["cached"]),
                (&json!(safety), &json!(false)),
                "{answer}"
            );
            assert!(!answer["resources"].as_array().unwrap().is_empty(), "{answer}");
            assert_eq!(answer["response"] == text, safety == "warning", "{answer}");
        }
        assert_eq!(model.take_calls().len(), 2);
    }
}
