//! Tests of `POST /api/chat` with the rule-based model. `chat_model` tests failures of a remote
//! model, and `crisis` tests messages that indicate a crisis.

use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

use api_tests::{TestApp, TestUser, member_names, send_all, wait_until};
use serde_json::{Value, json};
use tokio::time::sleep;

const QUESTION: &str = "How can I calm down before an exam?";

/// The maximum number of repetitions of a message until its answer comes from the cache, and the
/// pause between them. The number is low because the rate of messages is limited.
const MAX_REPETITIONS: usize = 5;
const REPETITION_PAUSE: Duration = Duration::from_millis(500);

/// Sends a message and returns the answer.
pub(crate) async fn say(user: &TestUser, message: &str) -> Value {
    user.post("/api/chat", &json!({"message": message})).await.expect_success()
}

/// Repeats a message until its answer comes from the cache, and returns the answer. If Redis is
/// late on a busy machine, the answer is not cached at once.
pub(crate) async fn cached_answer(user: &TestUser, message: &str) -> Value {
    let mut answer = Value::Null;
    for _ in 0..=MAX_REPETITIONS {
        answer = say(user, message).await;
        if answer["metadata"]["cached"] == true {
            return answer;
        }
        sleep(REPETITION_PAUSE).await;
    }
    panic!("the answer is not cached: {answer}");
}

#[tokio::test]
async fn the_answer_has_the_shape_of_the_original_service() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let body = json!({"user_id": ada.id, "message": "I am worried about my job", "conversation_history": [{"role": "user", "content": "Hi"}]});
    let answer = ada.post("/api/chat", &body).await.expect_success();
    assert_eq!(member_names(&answer), BTreeSet::from(["metadata", "resources", "response"]));
    let metadata = &answer["metadata"];
    let expected = ["agent_role", "cached", "confidence", "conversation_id", "fallback", "model", "safety"];
    assert_eq!(member_names(metadata), BTreeSet::from(expected));
    assert_eq!(
        (&metadata["agent_role"], &metadata["model"], &metadata["safety"]),
        (&json!("kai"), &json!("built-in"), &json!("safe"))
    );
    assert_eq!(
        (&metadata["cached"], &metadata["fallback"], &answer["resources"]),
        (&json!(false), &json!(false), &json!([]))
    );
    assert!(metadata["confidence"].as_f64().is_some_and(|confidence| (0.0..=1.0).contains(&confidence)));
    assert!(
        answer["response"].as_str().unwrap().starts_with("You say that you are worried about your job."),
        "{answer}"
    );
}

#[tokio::test]
async fn messages_and_answers_are_stored_in_one_conversation_in_order() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let (first, second) = (say(&ada, "Hello Kai").await, say(&ada, "yes").await);
    assert_eq!(first["metadata"]["conversation_id"], second["metadata"]["conversation_id"]);
    let history = ada.get("/api/chat/history").await.expect_success();
    assert_eq!(history["conversation_id"], first["metadata"]["conversation_id"]);
    let turns: Vec<_> = history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["role"].as_str().unwrap(), m["content"].clone()))
        .collect();
    let expected = [
        ("user", json!("Hello Kai")),
        ("assistant", first["response"].clone()),
        ("user", json!("yes")),
        ("assistant", second["response"].clone()),
    ];
    assert_eq!(turns, expected);
}

#[tokio::test]
async fn concurrent_first_messages_start_one_conversation_and_are_all_stored() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let messages = (0..8).map(|number| json!({"message": format!("Message number {number} of eight")}));
    let responses = send_all(messages.map(|message| ada.post("/api/chat", &message))).await;
    let ids: Vec<_> =
        responses.iter().map(|response| response.expect_success()["metadata"]["conversation_id"].clone()).collect();
    assert!(ids.iter().all(|id| id == &ids[0] && id.is_string()), "{ids:?}");
    let history = ada.get("/api/chat/history").await.expect_success();
    let messages = history["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 16);
    for pair in messages.chunks(2) {
        assert_eq!((&pair[0]["role"], &pair[1]["role"]), (&json!("user"), &json!("assistant")), "{history}");
    }
}

#[tokio::test]
async fn a_repeated_question_is_answered_from_the_cache_but_a_context_dependent_message_is_not() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let mut uncached = ada.post("/api/chat", &json!({"message": QUESTION})).await;
    assert_eq!(uncached.expect_success()["metadata"]["cached"], false);
    // Case and white space do not distinguish questions.
    let variant = json!({"message": format!("  {}", QUESTION.to_uppercase())});
    let mut repeated = ada.post("/api/chat", &variant).await;
    for _ in 0..MAX_REPETITIONS {
        if repeated.expect_success()["metadata"]["cached"] == true {
            break;
        }
        sleep(REPETITION_PAUSE).await;
        uncached = mem::replace(&mut repeated, ada.post("/api/chat", &variant).await);
    }
    let answer = repeated.expect_success();
    assert_eq!((&answer["metadata"]["cached"], repeated.cache_status()), (&json!(true), "hit"));
    assert_eq!(answer["response"], uncached.expect_success()["response"]);
    assert_eq!(app.metrics_of(&repeated)["LlmSaved"], 1);
    for message in ["yes", "yes", "And that?", "And that?", "tell me more about it", "tell me more about it"] {
        assert_eq!(say(&ada, message).await["metadata"]["cached"], false, "{message}");
    }
    let bob = app.new_user().await;
    assert_eq!(say(&bob, QUESTION).await["metadata"]["cached"], false, "the answer to another user is not used");
}

#[tokio::test]
async fn a_profile_change_a_clear_and_a_crisis_invalidate_cached_answers() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for what in ["profile", "clear", "crisis"] {
        cached_answer(&ada, QUESTION).await;
        match what {
            "profile" => {
                drop(ada.patch(ada.profile_path(), &json!({"communication_style": "direct"})).await.expect_success())
            }
            "clear" => drop(ada.request("DELETE", format!("/api/chat/session/{}", ada.id)).await.expect_success()),
            _ => drop(say(&ada, "I want to kill myself").await),
        }
        assert_eq!(say(&ada, QUESTION).await["metadata"]["cached"], false, "{what}");
    }
}

#[tokio::test]
async fn an_invalid_message_is_rejected_with_the_name_of_the_invalid_field() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for (body, field) in [
        (json!({}), "message"),
        (json!({"message": null}), "message"),
        (json!({"message": 7}), "message"),
        (json!({"message": " \n"}), "message"),
        (json!({"message": "x".repeat(4001)}), "message"),
        (json!({"message": "a\u{0}b"}), "message"),
        (json!({"message": "x", "conversation_history": "x"}), "conversation_history"),
        (json!({"message": "x", "user_id": "7"}), "user_id"),
    ] {
        let problem = ada.post("/api/chat", &body).await.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert_eq!(ada.post("/api/chat", &json!({"message": "é".repeat(4000)})).await.status, 200);
    let bob = app.new_user().await;
    ada.post("/api/chat", &json!({"message": "x", "user_id": bob.id})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_request_repeated_with_its_idempotency_key_gets_the_first_response_and_is_stored_once() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    for message in [QUESTION, "yes"] {
        let send =
            || ada.post("/api/chat", &json!({"message": message})).header("idempotency-key", message.len().to_string());
        let before = app.query_scalar::<i64>(COUNT, &[&ada.id]).await;
        let responses = send_all((0..4).map(|_| send())).await;
        let first = responses[0].expect_success();
        assert!(responses.iter().all(|response| response.expect_success() == first), "{responses:?}");
        assert_eq!(send().await.expect_success(), first);
        assert_eq!(app.query_scalar::<i64>(COUNT, &[&ada.id]).await, before + 2, "{message}");
        let other =
            ada.post("/api/chat", &json!({"message": "other"})).header("idempotency-key", message.len().to_string());
        other.await.expect_problem(422, "idempotency_key_reused");
    }
}

/// Counts the messages of a user.
const COUNT: &str =
    "SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE c.user_id = $1";

#[tokio::test]
async fn too_many_messages_are_rate_limited_and_the_error_contains_crisis_resources() {
    let app = TestApp::shared().await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    // Requests with an invalid token must not count against the limit of its user.
    let mut invalid = ada.token.clone();
    invalid.replace_range(40..50, "AAAAAAAAAA");
    for _ in 0..35 {
        let mallory = app.anonymous().with_token(&invalid);
        mallory.post("/api/chat", &json!({"message": QUESTION})).await.expect_problem(401, "unauthenticated");
        mallory.post("/api/chat", &json!({"message": "I want to kill myself"})).await.expect_success();
    }
    let (mut answered, mut late) = (0, 0);
    let refused = loop {
        let response = ada.post("/api/chat", &json!({"message": QUESTION})).await;
        if response.status != 200 {
            break response;
        }
        answered += 1;
        // If Redis is late on a busy machine, each environment counts separately.
        late += i64::from(app.metrics_of(&response)["CacheErrors"] == 1);
    };
    assert!((30..=30 + late).contains(&answered), "{answered} answers, {late} of them without Redis");
    let problem = refused.expect_problem(429, "rate_limited");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().is_ok_and(|wait| (1..=60).contains(&wait)));
    assert!(!problem["resources"].as_array().unwrap().is_empty(), "{problem}");
    assert_eq!(app.query_scalar::<i64>(COUNT, &[&ada.id]).await, 2 * answered);
    // The message that was rate-limited was counted in the same round trip that set the marker.
    let guard = format!("conversation:{}:guard", ada.id);
    wait_until(Duration::from_secs(5), "the marker is cleared", async || {
        let value: Option<Vec<u8>> = app.redis(redis::cmd("GET").arg(&guard)).await;
        value.is_none_or(|value| !value.starts_with(b"!"))
    })
    .await;
    let crisis = say(&ada, "I want to kill myself").await;
    assert!(!crisis["resources"].as_array().unwrap().is_empty(), "{crisis}");
    say(&bob, QUESTION).await;
}

#[tokio::test]
async fn a_cached_session_of_an_inactive_account_cannot_store_a_message() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    cached_answer(&ada, QUESTION).await;
    let before = app.query_scalar::<i64>(COUNT, &[&ada.id]).await;
    // The change bypasses the functions, so the cache is not invalidated.
    app.query("UPDATE users SET is_active = false WHERE id = $1", &[&ada.id]).await;
    let response = ada.post("/api/chat", &json!({"message": QUESTION})).await;
    response.expect_problem(401, "unauthenticated");
    assert_eq!(app.query_scalar::<i64>(COUNT, &[&ada.id]).await, before);
}
