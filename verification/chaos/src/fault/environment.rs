//! Faults of execution environments, which are processes. A fault affects an environment at a
//! random point of its work.

use anyhow::Result;
use api_tests::TestApp;
use emulator::EnvironmentState;
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use super::random_duration;
use crate::system::System;

/// Freezes and thaws busy environments, one after the other, and returns their number.
pub(super) async fn freeze(system: &System, random: &mut StdRng) -> Result<u64> {
    let mut frozen = 0;
    for _ in 0..random.random_range(3..=8) {
        if let Some(pid) = busy(&system.kai, |_| true).choose(random)
            && kill_process(pid, Signal::STOP).is_ok()
        {
            frozen += 1;
            sleep(random_duration(random, 20, 800)).await;
            // The emulator may have killed the environment because of its timeout.
            let _ = kill_process(pid, Signal::CONT);
        }
        sleep(random_duration(random, 10, 100)).await;
    }
    Ok(frozen)
}

/// Kills busy environments, one after the other, and returns their number. Every second one belongs
/// to a function that updates data.
pub(super) async fn kill(system: &System, random: &mut StdRng) -> Result<u64> {
    let mut killed = 0;
    for number in 0..random.random_range(4..=10) {
        let victim = busy(&system.kai, |name| number % 2 == 0 || name.ends_with("-update")).choose(random);
        killed += u64::from(victim.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok()));
        sleep(random_duration(random, 10, 300)).await;
    }
    Ok(killed)
}

/// Kills every busy environment of the functions that `is_affected` selects.
pub(super) fn kill_busy(kai: &TestApp, is_affected: impl Fn(&str) -> bool) {
    for pid in busy(kai, is_affected) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

fn busy(kai: &TestApp, is_affected: impl Fn(&str) -> bool) -> impl Iterator<Item = Pid> {
    let busy =
        kai.emulator.environments().into_iter().filter(move |environment| {
            environment.state == EnvironmentState::Busy && is_affected(&environment.function)
        });
    busy.filter_map(|environment| i32::try_from(environment.pid).ok().and_then(Pid::from_raw))
}
