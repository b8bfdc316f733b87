//! Environments that are killed in the middle of a request.

use std::time::Duration;

use api_tests::{Kai, Person, Reply};
use emulator::EnvironmentState;
use futures_util::future::join;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::{alone, create, own_redis, rows};

const KEYS: usize = 120;

/// Kills whatever environment is at work on a create. Returns whether there was one.
fn kill_busy(kai: &Kai) -> bool {
    let environments = kai.emulator.environments().into_iter();
    let busy = |state| matches!(state, EnvironmentState::Busy | EnvironmentState::Starting);
    let mut found = false;
    for environment in environments.filter(|one| one.function == "journal-create" && busy(one.state)) {
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
async fn time_of_a_create(person: &Person) -> Duration {
    let mut least = Duration::MAX;
    for number in 0..8 {
        least = least.min(create(person, &format!("timed-{number}")).await.took);
    }
    least
}

/// Repeats the create until it succeeds: the blow may meet an environment that had just answered, and is given the next request.
async fn retried(person: &Person, content: &str) -> Reply {
    for _ in 0..20 {
        let reply = create(person, content).await;
        if reply.status == 201 {
            return reply;
        }
        assert!([500, 502, 503].contains(&reply.status), "{}", reply.status);
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{content} could not be written");
}

#[tokio::test]
async fn a_create_that_is_killed_anywhere_and_retried_is_done_exactly_once() {
    let _alone = alone().await;
    let kai = Kai::start_with(own_redis()).await;
    let ada = kai.settle().await;
    ada.write("warm").await;
    let took = time_of_a_create(&kai.settle().await).await;
    let mut killed = 0;
    let mut answers = Vec::new();
    for number in 0..KEYS {
        let content = format!("entry-{number:03}");
        let attack = async {
            sleep(moment(took)).await;
            kill_busy(&kai)
        };
        let (first, struck) = join(create(&ada, &content).into_future(), attack).await;
        killed += usize::from(struck && first.status != 201);
        assert!([201, 500, 502, 503].contains(&first.status), "{}", first.status);
        let answer = if first.status == 201 { first } else { retried(&ada, &content).await };
        assert_eq!(retried(&ada, &content).await.json(), answer.json(), "a repetition gets the first result");
        answers.push(answer.json()["id"].clone());
    }
    assert!(killed >= KEYS / 6, "only {killed} of {KEYS} were killed before they had answered");
    let mut once: Vec<_> = (0..KEYS).map(|number| (format!("entry-{number:03}"), 1)).collect();
    once.push(("warm".to_owned(), 1));
    assert_eq!(rows(&kai, &ada).await, once);
    let mut listed = Vec::new();
    for page in 1..=2 {
        let body = ada.get(format!("/api/journal/entries?page={page}&page_size=100")).await.good();
        assert_eq!(body["total"], KEYS + 1, "the count is kept too");
        listed.extend(body["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
    }
    listed.pop();
    listed.reverse();
    assert_eq!(listed, answers);
}
