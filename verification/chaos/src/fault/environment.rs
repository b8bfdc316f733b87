//! Faults of execution environments. They are processes; what they do at the moment of the blow is left to chance.

use anyhow::Result;
use api_tests::TestApp;
use emulator::EnvironmentState;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::between;
use crate::stage::Stage;

/// Freezes one that is at work, and thaws it, again and again. Returns how many.
pub(super) async fn freeze(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let mut struck = 0;
    for _ in 0..random.random_range(3..=8) {
        if let Some(pid) = busy(&stage.kai, |_| true).choose(random)
            && kill_process(pid, Signal::STOP).is_ok()
        {
            struck += 1;
            sleep(between(random, 20, 800)).await;
            // It may be gone, killed at its timeout.
            let _ = kill_process(pid, Signal::CONT);
        }
        sleep(between(random, 10, 100)).await;
    }
    Ok(struck)
}

/// Kills one that is at work, again and again, every other time one that writes. Returns how many.
pub(super) async fn kill(stage: &Stage, random: &mut StdRng) -> Result<u64> {
    let mut struck = 0;
    for number in 0..random.random_range(4..=10) {
        let victim = busy(&stage.kai, |name| number % 2 == 0 || name.ends_with("-update")).choose(random);
        struck += u64::from(victim.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok()));
        sleep(between(random, 10, 300)).await;
    }
    Ok(struck)
}

/// Kills all that are at work, of the functions that are meant.
pub(super) fn kill_busy(kai: &TestApp, is_meant: impl Fn(&str) -> bool) {
    for pid in busy(kai, is_meant) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn busy(kai: &TestApp, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = Pid> {
    let at_work = kai
        .emulator
        .environments()
        .into_iter()
        .filter(move |environment| environment.state == EnvironmentState::Busy && is_meant(&environment.function));
    at_work.filter_map(|environment| i32::try_from(environment.pid).ok().and_then(Pid::from_raw))
}
