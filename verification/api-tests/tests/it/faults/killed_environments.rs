//! Environments that are killed in the middle of a request.

use std::time::Duration;

use api_tests::{Response, TestApp, TestUser};
use emulator::EnvironmentState;
use futures_util::future::join;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::time::sleep;

use super::fixture::{create_once, exclusive, own_redis, stored_contents};

/// The number of creates and of messages during which an environment is killed.
const CREATES: usize = 200;
const MESSAGES: usize = 100;

/// Kills the busy environments of a function. Returns whether there were any.
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

/// Returns a random delay of up to 1.2 times the duration of a request, so that kills hit every
/// stage of the request.
fn random_delay(duration: Duration) -> Duration {
    duration.mul_f64(1.2 * f64::from(getrandom::u32().unwrap()) / f64::from(u32::MAX))
}

/// Returns the shortest duration of several creates.
async fn fastest_create(user: &TestUser) -> Duration {
    let mut fastest = Duration::MAX;
    for number in 0..8 {
        fastest = fastest.min(create_once(user, &format!("timed-{number}")).await.elapsed);
    }
    fastest
}

/// Repeats a request until it succeeds. A kill may hit an environment that has just responded, and
/// the next request is then sent to that environment.
async fn retry(send: impl AsyncFn() -> Response) -> Response {
    for _ in 0..20 {
        let response = send().await;
        if response.status < 300 {
            return response;
        }
        assert!([500, 502, 503].contains(&response.status), "{}", response.status);
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the request never succeeded");
}

#[tokio::test]
async fn a_create_that_is_killed_at_any_moment_and_retried_takes_effect_exactly_once() {
    let _exclusive = exclusive().await;
    let app = TestApp::start_with(own_redis()).await;
    let ada = app.new_user().await;
    ada.create_entry("warm").await;
    let fastest = fastest_create(&app.new_user().await).await;
    let mut killed = 0;
    let mut answers = Vec::new();
    for number in 0..CREATES {
        let content = format!("entry-{number:03}");
        let kill = async {
            sleep(random_delay(fastest)).await;
            kill_busy(&app, "journal-create")
        };
        let (first, was_killed) = join(create_once(&ada, &content).into_future(), kill).await;
        killed += usize::from(was_killed && first.status != 201);
        assert!([201, 500, 502, 503].contains(&first.status), "{}", first.status);
        let send = async || create_once(&ada, &content).await;
        let answer = if first.status == 201 { first } else { retry(send).await };
        assert_eq!(retry(send).await.json(), answer.json(), "a retry gets the first result");
        answers.push(answer.json()["id"].clone());
    }
    assert!(killed >= CREATES / 6, "only {killed} of {CREATES} were killed before they had responded");
    let mut expected: Vec<_> = (0..CREATES).map(|number| (format!("entry-{number:03}"), 1)).collect();
    expected.push(("warm".to_owned(), 1));
    assert_eq!(stored_contents(&app, &ada).await, expected);
    let mut listed = Vec::new();
    for page in 1..=3 {
        let body = ada.get(format!("/api/journal/entries?page={page}&page_size=100")).await.expect_success();
        assert_eq!(body["total"], CREATES + 1, "the stored count is exact");
        listed.extend(body["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
    }
    listed.pop();
    listed.reverse();
    assert_eq!(listed, answers);
}

#[tokio::test]
async fn a_message_that_is_killed_at_any_moment_and_retried_is_stored_exactly_once() {
    let _exclusive = exclusive().await;
    let app = TestApp::start_with(own_redis()).await;
    let (ada, bob) = (app.new_user().await, app.new_user().await);
    let say = async |user: &TestUser, key: &str| {
        // This test is not about the rate limit, so its counters are deleted.
        let _: () = app
            .redis(
                redis::cmd("EVAL")
                    .arg("for _, k in ipairs(redis.call('KEYS', 'chat:*')) do redis.call('DEL', k) end")
                    .arg(0),
            )
            .await;
        user.post("/api/chat", &json!({"message": key})).header("idempotency-key", key).await
    };
    let mut fastest = Duration::MAX;
    for number in 0..8 {
        fastest = fastest.min(say(&bob, &format!("timed-{number}")).await.elapsed);
    }
    let mut killed = 0;
    for number in 0..MESSAGES {
        let key = format!("message-{number:03}");
        let kill = async {
            sleep(random_delay(fastest)).await;
            kill_busy(&app, "chat-send")
        };
        let (first, was_killed) = join(say(&ada, &key), kill).await;
        killed += usize::from(was_killed && first.status != 200);
        let send = async || say(&ada, &key).await;
        let answer = if first.status == 200 { first } else { retry(send).await };
        assert_eq!(retry(send).await.json(), answer.json(), "a retry gets the first result");
    }
    assert!(killed >= MESSAGES / 6, "only {killed} of {MESSAGES} were killed before they had responded");
    let sql = "SELECT m.content, count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id
        WHERE c.user_id = $1 AND m.role = 'user' GROUP BY 1 ORDER BY 1";
    let rows: Vec<(String, i64)> =
        app.query(sql, &[&ada.id]).await.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, (0..MESSAGES).map(|number| (format!("message-{number:03}"), 1)).collect::<Vec<_>>());
}
