//! Environments that are killed in the middle of a request.

use std::time::Duration;

use api_tests::{Response, TestApp, TestUser};
use emulator::EnvironmentState;
use futures_util::future::join;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::time::sleep;

use super::{alone, create, own_redis, rows};

/// Creates that are struck; with the messages below, three hundred requests.
const KEYS: usize = 200;
const MESSAGES: usize = 100;

/// Kills whatever environment of a function is at work. Returns whether there was one.
fn kill_busy(app: &TestApp, function: &str) -> bool {
    let environments = app.emulator.environments().into_iter();
    let busy = |state| matches!(state, EnvironmentState::Busy | EnvironmentState::Starting);
    let mut found = false;
    for environment in environments.filter(|one| one.function == function && busy(one.state)) {
        let pid = i32::try_from(environment.pid).ok().and_then(Pid::from_raw).unwrap();
        found |= kill_process(pid, Signal::KILL).is_ok();
    }
    found
}

/// A moment within the time that a create takes, its end included.
fn moment(create: Duration) -> Duration {
    create.mul_f64(1.2 * f64::from(getrandom::u32().unwrap()) / f64::from(u32::MAX))
}

/// How long a create takes on this machine, at its quickest.
async fn time_of_a_create(user: &TestUser) -> Duration {
    let mut least = Duration::MAX;
    for number in 0..8 {
        least = least.min(create(user, &format!("timed-{number}")).await.elapsed);
    }
    least
}

/// Repeats a request until it succeeds: the blow may meet an environment that had just answered, and is given the next request.
async fn retried(send: impl AsyncFn() -> Response) -> Response {
    for _ in 0..20 {
        let response = send().await;
        if response.status < 300 {
            return response;
        }
        assert!([500, 502, 503].contains(&response.status), "{}", response.status);
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it never succeeded");
}

#[tokio::test]
async fn a_create_that_is_killed_at_any_moment_and_retried_happens_exactly_once() {
    let _alone = alone().await;
    let app = TestApp::start_with(own_redis()).await;
    let ada = app.new_user().await;
    ada.create_entry("warm").await;
    let took = time_of_a_create(&app.new_user().await).await;
    let mut killed = 0;
    let mut answers = Vec::new();
    for number in 0..KEYS {
        let content = format!("entry-{number:03}");
        let attack = async {
            sleep(moment(took)).await;
            kill_busy(&app, "journal-create")
        };
        let (first, struck) = join(create(&ada, &content).into_future(), attack).await;
        killed += usize::from(struck && first.status != 201);
        assert!([201, 500, 502, 503].contains(&first.status), "{}", first.status);
        let send = async || create(&ada, &content).await;
        let answer = if first.status == 201 { first } else { retried(send).await };
        assert_eq!(retried(send).await.json(), answer.json(), "a repetition gets the first result");
        answers.push(answer.json()["id"].clone());
    }
    assert!(killed >= KEYS / 6, "only {killed} of {KEYS} were killed before they had answered");
    let mut once: Vec<_> = (0..KEYS).map(|number| (format!("entry-{number:03}"), 1)).collect();
    once.push(("warm".to_owned(), 1));
    assert_eq!(rows(&app, &ada).await, once);
    let mut listed = Vec::new();
    for page in 1..=3 {
        let body = ada.get(format!("/api/journal/entries?page={page}&page_size=100")).await.expect_success();
        assert_eq!(body["total"], KEYS + 1, "the count is kept too");
        listed.extend(body["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
    }
    listed.pop();
    listed.reverse();
    assert_eq!(listed, answers);
}

#[tokio::test]
async fn a_message_that_is_killed_at_any_moment_and_retried_is_stored_exactly_once() {
    let _alone = alone().await;
    let app = TestApp::start_with(own_redis()).await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let say = async |user: &TestUser, key: &str| {
        // It is the killing that is tested, and not how often somebody may speak.
        let _: () = app
            .redis(
                redis::cmd("EVAL")
                    .arg("for _, k in ipairs(redis.call('KEYS', 'chat:*')) do redis.call('DEL', k) end")
                    .arg(0),
            )
            .await;
        user.post("/api/chat", &json!({"message": key})).header("idempotency-key", key).await
    };
    let mut took = Duration::MAX;
    for number in 0..8 {
        took = took.min(say(&bob, &format!("timed-{number}")).await.elapsed);
    }
    let mut killed = 0;
    for number in 0..MESSAGES {
        let key = format!("message-{number:03}");
        let attack = async {
            sleep(moment(took)).await;
            kill_busy(&app, "chat-send")
        };
        let (first, struck) = join(say(&ada, &key), attack).await;
        killed += usize::from(struck && first.status != 200);
        let send = async || say(&ada, &key).await;
        let answer = if first.status == 200 { first } else { retried(send).await };
        assert_eq!(retried(send).await.json(), answer.json(), "a repetition gets the first result");
    }
    assert!(killed >= MESSAGES / 6, "only {killed} of {MESSAGES} were killed before they had answered");
    let said = "SELECT m.content, count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id
        WHERE c.user_id = $1 AND m.role = 'user' GROUP BY 1 ORDER BY 1";
    let rows: Vec<(String, i64)> =
        app.query(said, &[&ada.id]).await.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, (0..MESSAGES).map(|number| (format!("message-{number:03}"), 1)).collect::<Vec<_>>());
}
