use std::collections::BTreeSet;

use emulator::InvocationError;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{EVERYWHERE, World, start, start_with};

fn limited(property: &str) -> String {
    format!(
        "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: fixture}}}}
    Properties:
      Timeout: 10
      {property}
      Events: {{All: {{Type: HttpApi}}}}
"
    )
}

/// Runs so many invocations at once and returns their answers.
async fn at_once(world: &World, count: usize) -> Vec<Result<Value, InvocationError>> {
    let event = json!({"fixture": {"sleep": 400, "count": true}}).to_string();
    let calls = (0..count).map(|_| world.emulator.invoke("fixture", event.clone()));
    let answers = join_all(calls).await.into_iter();
    answers.map(|answer| answer.map(|payload| serde_json::from_slice(&payload).unwrap())).collect()
}

fn pids(answers: &[Result<Value, InvocationError>]) -> BTreeSet<u64> {
    answers.iter().flatten().map(|answer| answer["pid"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn requests_at_once_have_environments_of_their_own_which_are_reused() {
    let world = start(EVERYWHERE).await;
    let first = pids(&at_once(&world, 4).await);
    assert_eq!(first.len(), 4);
    world.emulator.idle().await;
    assert_eq!(pids(&at_once(&world, 4).await), first);
}

#[tokio::test]
async fn requests_one_after_another_share_the_environment_used_last() {
    let world = start(EVERYWHERE).await;
    at_once(&world, 3).await;
    world.emulator.idle().await;
    let mut used = BTreeSet::new();
    for _ in 0..20 {
        used.insert(world.invoke(&json!({"count": true})).await["pid"].as_u64().unwrap());
        world.emulator.idle().await;
    }
    assert_eq!(used.len(), 1);
    assert_eq!(world.emulator.environments().len(), 3);
}

#[tokio::test]
async fn a_request_right_behind_an_answer_does_not_start_another_environment() {
    let world = start(EVERYWHERE).await;
    for _ in 0..50 {
        world.invoke(&json!({"count": true, "linger": 2})).await;
    }
    assert_eq!(world.emulator.environments().len(), 1);
}

#[tokio::test]
async fn demand_over_the_limit_is_throttled_and_the_rest_is_served() {
    for world in [
        start(&limited("ReservedConcurrentExecutions: 2")).await,
        start_with(EVERYWHERE, |options| options.max_environments = 2).await,
    ] {
        let answers = at_once(&world, 6).await;
        assert_eq!(pids(&answers).len(), 2);
        let throttled = answers.iter().filter(|answer| matches!(answer, Err(InvocationError::Throttled))).count();
        assert_eq!(throttled, 4);
        world.emulator.idle().await;
        assert!(world.emulator.invoke("fixture", "{}").await.is_ok());
    }
}

#[tokio::test]
async fn a_throttled_request_is_refused_by_the_gateway() {
    let world = start(&limited("ReservedConcurrentExecutions: 0")).await;
    let answer = world.send("GET", "/", &[], b"").await;
    assert_eq!((answer.status, answer.text()), (503, r#"{"message":"Service Unavailable"}"#));
    assert_eq!(world.emulator.environments(), []);
}

#[tokio::test]
async fn an_environment_may_take_several_requests_at_once() {
    let world = start(&limited("Environment: {Variables: {AWS_LAMBDA_MAX_CONCURRENCY: 4}}")).await;
    world.invoke(&json!({"count": true})).await;
    world.emulator.idle().await;
    let answers = at_once(&world, 4).await;
    assert_eq!(pids(&answers).len(), 1, "{answers:?}");
    assert_eq!(pids(&at_once(&world, 5).await).len(), 2, "the fifth needs a second environment");
    world.emulator.idle().await;
    assert!(
        world.emulator.environments().iter().all(|environment| environment.state == emulator::EnvironmentState::Frozen)
    );
}
