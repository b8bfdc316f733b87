//! The chat with a model behind HTTP, whatever that does.

use std::time::Duration;

use api_tests::{Kai, Model, Script, Setup};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::chat_send::say;

const QUESTION: &str = "How can I calm down before an exam?";

async fn start() -> (Kai, Model) {
    let model = Model::start();
    let kai = Kai::start_with(Setup { variables: model.variables(), ..Setup::default() }).await;
    (kai, model)
}

#[tokio::test]
async fn the_model_is_given_the_history_and_the_profile_and_its_key() {
    let (kai, model) = start().await;
    let ada = kai.settle().await;
    let profile = json!({"traits": {"age": 31}, "preferences": {"tone": "plain"}, "communication_style": "direct"});
    ada.patch(ada.profile_path(), &profile).await.good();
    let answer = say(&ada, QUESTION).await;
    assert_eq!(
        (&answer["response"], &answer["metadata"]["model"]),
        (&json!("Hello from the model."), &json!("scripted"))
    );
    say(&ada, "yes").await;
    let calls = model.take();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        (&calls[0]["model"], model.authorization().as_deref()),
        (&json!("scripted"), Some("Bearer sk-scripted"))
    );
    let messages = calls[1]["messages"].as_array().unwrap();
    let said: Vec<_> =
        messages.iter().skip(1).map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap())).collect();
    assert_eq!(said, [("user", QUESTION), ("assistant", "Hello from the model."), ("user", "yes")]);
    let system = messages[0]["content"].as_str().unwrap();
    assert!(
        system.contains("\"age\":31") && system.contains("\"tone\":\"plain\"") && system.contains("direct"),
        "{system}"
    );
    assert!(!system.contains(&ada.email) && !system.contains(&ada.id.to_string()), "what the model need not know");
}

#[tokio::test]
async fn the_model_is_given_the_same_whether_the_cache_or_the_database_has_it() {
    let (kai, model) = start().await;
    let [ada, bob] = [kai.settle().await, kai.settle().await];
    let long = "Über allen Gipfeln ist Ruh. ".repeat(100);
    // More than is given, and longer than is given.
    for message in ["yes"; 11].into_iter().chain([long.as_str()]) {
        say(&ada, message).await;
        say(&bob, message).await;
    }
    for style in ["direct", "gentle", "brief", "warm", "dry"] {
        // Bob never reads, so what he says is answered from the database.
        ada.get("/api/chat/history").until_hit().await;
        ada.get(ada.profile_path()).until_hit().await;
        model.take();
        let reply = ada.post("/api/chat", &json!({"message": "and then?"})).await;
        reply.good();
        say(&bob, "and then?").await;
        let calls = model.take();
        assert_eq!(calls[0], calls[1]);
        assert_eq!(calls[0]["messages"].as_array().unwrap().len(), 1 + 20 + 1);
        for person in [&ada, &bob] {
            person.patch(person.profile_path(), &json!({"communication_style": style})).await.good();
        }
        kai.settled().await;
        if kai.metrics_of(&reply)["DbQueries"] == 1 {
            ada.get("/api/chat/history").until_hit().await;
            say(&ada, "and then?").await;
            let system = model.take()[0]["messages"][0]["content"].as_str().unwrap().to_owned();
            assert!(system.contains(style), "an old profile: {system}");
            return;
        }
    }
    panic!("never from the cache");
}

#[tokio::test]
async fn the_model_is_not_asked_for_what_cannot_be_kept() {
    let model = Model::start();
    let kai =
        Kai::start_with(Setup { variables: model.variables(), proxied: true, environments: 1, ..Setup::default() })
            .await;
    let ada = kai.settle().await;
    say(&ada, "yes").await;
    ada.get("/api/chat/history").until_hit().await;
    ada.get(ada.profile_path()).until_hit().await;
    model.take();
    kai.postgres_proxy.as_ref().unwrap().refuse().await;
    let reply = ada.post("/api/chat", &json!({"message": "yes"})).await;
    assert_eq!((reply.status, model.take().len()), (503, 0));
}

#[tokio::test]
async fn whatever_the_model_does_there_is_an_answer_in_time_that_says_what_it_is() {
    let (kai, _) = start().await;
    // A model each: they go on at the same time.
    let redirected = Model::start();
    let scripts = [
        Script::SayAfter(Duration::from_secs(60), "too late".to_owned()),
        Script::Trickle,
        Script::Status(429),
        Script::Status(500),
        Script::Body(b"not JSON".to_vec()),
        Script::Body(b"{\"choices\": []}".to_vec()),
        Script::Body(b"{\"choices\": [{\"message\": {\"content\": null, \"tool_calls\": [{}]}}]}".to_vec()),
        Script::Body(b"{\"choices\": [{\"message\": {\"content\": \"\xff\xfe\"}}]}".to_vec()),
        Script::Body(b"{\"choices\": [{\"message\": {\"content\": \"  \"}}]}".to_vec()),
        Script::HalfBody,
        Script::Redirect(redirected.url()),
        Script::Huge(300 * 1024),
        Script::Huge(30 * 1024 * 1024),
        Script::HangUp,
    ];
    drop(kai);
    let answers = scripts.map(|script| async move {
        let (kai, model) = start().await;
        model.play(script.clone());
        let ada = kai.settle().await;
        let reply = ada.post("/api/chat", &json!({"message": QUESTION})).await;
        let answer = reply.good();
        assert_eq!(answer["metadata"]["fallback"], true, "{script:?}: {answer}");
        assert!(answer["response"].as_str().unwrap().contains("helpline"), "{script:?}");
        assert!(reply.took < Duration::from_secs(27), "{script:?}: {:?}", reply.took);
        assert_eq!(model.take().len(), 1, "{script:?}: what was received at all is not asked for again");
        let history = ada.get("/api/chat/history").await.good();
        assert_eq!(history["messages"].as_array().unwrap().len(), 2, "{script:?}");
        // Not kept as the model's answer: it is asked again as soon as it is back.
        model.play(Script::Say("I am back.".to_owned()));
        assert_eq!(say(&ada, QUESTION).await["response"], "I am back.", "{script:?}");
    });
    join_all(answers).await;
    assert_eq!(redirected.take(), Vec::<Value>::new(), "a redirect was followed");
}

#[tokio::test]
async fn a_model_that_cannot_be_reached_is_tried_twice_and_then_stood_in_for() {
    let kai = Kai::start_with(Setup {
        variables: vec![("LLM_BASE_URL", "http://127.0.0.1:1/v1".to_owned()), ("LLM_MODEL", "gone".to_owned())],
        ..Setup::default()
    })
    .await;
    let ada = kai.settle().await;
    let reply = ada.post("/api/chat", &json!({"message": QUESTION})).await;
    assert_eq!(reply.good()["metadata"]["fallback"], true);
    kai.logs.find(|line| line.text.contains("the model did not answer")).await;
}

#[tokio::test]
async fn identical_questions_at_the_same_moment_from_several_environments_cost_one_call() {
    let (kai, model) = start().await;
    let ada = kai.settle().await;
    model.play(Script::SayAfter(Duration::from_millis(700), "Breathe out slowly.".to_owned()));
    let sends = (0..4).map(|_| ada.post("/api/chat", &json!({"message": QUESTION})).into_future());
    let answers: Vec<Value> = join_all(sends).await.iter().map(api_tests::Reply::good).collect();
    assert!(answers.iter().all(|answer| answer["response"] == "Breathe out slowly."), "{answers:?}");
    assert_eq!(model.take().len(), 1);
    assert_eq!(answers.iter().filter(|answer| answer["metadata"]["cached"] == true).count(), 3);
    say(&ada, QUESTION).await;
    assert_eq!(model.take().len(), 0);
    for _ in 0..2 {
        say(&ada, "yes").await;
    }
    assert_eq!(model.take().len(), 2, "yes is never answered from the cache");
    // Of another person nothing is known, and nothing is told.
    let bob = kai.settle().await;
    say(&bob, QUESTION).await;
    assert_eq!(model.take().len(), 1);
}

#[tokio::test]
async fn whoever_waits_for_a_call_that_fails_asks_the_model_themselves() {
    let (kai, model) = start().await;
    let ada = kai.settle().await;
    model.play(Script::Status(500));
    let sends = (0..2).map(|_| ada.post("/api/chat", &json!({"message": QUESTION})).into_future());
    let answers: Vec<Value> = join_all(sends).await.iter().map(api_tests::Reply::good).collect();
    assert!(answers.iter().all(|answer| answer["metadata"]["fallback"] == true), "{answers:?}");
    assert_eq!(model.take().len(), 2);
}

#[tokio::test]
async fn an_answer_that_was_asked_for_with_the_old_profile_is_nobodys_once_the_profile_has_changed() {
    let (kai, model) = start().await;
    let ada = kai.settle().await;
    // Two environments that need not start first: both shall have read the profile before it changes.
    join_all((0..2).map(|_| ada.post("/api/chat", &json!({"message": "yes"})).into_future())).await;
    model.take();
    model.play(Script::SayAfter(Duration::from_secs(3), "To the old profile.".to_owned()));
    let sends = join_all((0..2).map(|_| ada.post("/api/chat", &json!({"message": QUESTION})).into_future()));
    let change = async {
        while model.take().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        ada.patch(ada.profile_path(), &json!({"communication_style": "direct"})).await.good();
    };
    futures_util::future::join(sends, change).await;
    model.play(Script::Say("To the new profile.".to_owned()));
    for cached in [false, true] {
        let answer = say(&ada, QUESTION).await;
        assert_eq!(
            (&answer["response"], &answer["metadata"]["cached"]),
            (&json!("To the new profile."), &json!(cached))
        );
    }
}

#[tokio::test]
async fn an_answer_outlives_the_cached_session() {
    let (kai, model) = start().await;
    let ada = kai.settle().await;
    say(&ada, QUESTION).await;
    model.take();
    let guard = format!("session:{}:guard", ada.id);
    let _: () = kai.redis(redis::cmd("DEL").arg(guard)).await;
    assert_eq!(say(&ada, QUESTION).await["metadata"]["cached"], true);
    assert_eq!(model.take().len(), 0);
}

#[tokio::test]
async fn an_answer_that_harms_is_withheld_and_one_about_a_crisis_carries_resources_and_neither_is_kept() {
    let (kai, model) = start().await;
    let ada = kai.settle().await;
    for (said, safety) in [
        ("You should kill yourself, nobody would miss you.", "blocked"),
        ("If you think of suicide, please call 988.", "warning"),
    ] {
        model.play(Script::Say(said.to_owned()));
        for _ in 0..2 {
            let answer = say(&ada, QUESTION).await;
            assert_eq!(
                (&answer["metadata"]["safety"], &answer["metadata"]["cached"]),
                (&json!(safety), &json!(false)),
                "{answer}"
            );
            assert!(!answer["resources"].as_array().unwrap().is_empty(), "{answer}");
            assert_eq!(answer["response"] == said, safety == "warning", "{answer}");
        }
        assert_eq!(model.take().len(), 2);
    }
}
