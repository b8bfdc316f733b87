//! Which fault strikes when: all that suit, in an order of the seed's, again and again, with a calm in between.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::fault::{Fault, Target};
use crate::stage::Stage;

/// How long nothing happens after a fault, at least and at most.
#[derive(Debug, Clone, Copy)]
pub struct Calm(pub Duration, pub Duration);

/// How often a kind of fault has been there, and how much it has struck.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Struck {
    /// How many times.
    pub times: u64,
    /// What it struck: connections, environments, keys, slots.
    pub things: u64,
}

/// The faults of one run.
#[derive(Debug)]
pub struct Schedule {
    random: StdRng,
    target: Target,
    calm: Calm,
    once_at_least: bool,
    /// What has happened so far.
    pub struck: BTreeMap<Fault, Struck>,
}

impl Schedule {
    /// The same seed gives the same order and the same durations.
    pub fn new(seed: u64, target: Target, calm: Calm, once_at_least: bool) -> Self {
        Self { random: StdRng::seed_from_u64(seed), target, calm, once_at_least, struck: BTreeMap::new() }
    }

    /// Strikes until it is stopped, but every fault once if that is asked for, telling each time which fault it is. When it returns, all is
    /// healed.
    ///
    /// # Errors
    /// A fault could not be healed.
    pub async fn run(
        &mut self,
        stage: &Stage,
        mut stop: watch::Receiver<bool>,
        tell: impl Fn(&'static str),
    ) -> Result<()> {
        for number in 0.. {
            for fault in self.round() {
                tell("calm");
                let Calm(least, most) = self.calm;
                let calm = least + (most - least).mul_f64(self.random.random());
                let may_stop = number > 0 || !self.once_at_least;
                if timeout(calm, stop.wait_for(|stop| *stop && may_stop)).await.is_ok() {
                    return Ok(());
                }
                tell(fault.name());
                let things = fault.strike(stage, &mut self.random).await.with_context(|| fault.name())?;
                let struck = self.struck.entry(fault).or_default();
                struck.times += 1;
                struck.things += things;
            }
        }
        Ok(())
    }

    /// Each fault once, in another order each time.
    fn round(&mut self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| fault.suits(self.target)).collect();
        faults.shuffle(&mut self.random);
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(seed: u64, target: Target) -> Vec<Fault> {
        let calm = Calm(Duration::ZERO, Duration::ZERO);
        let mut schedule = Schedule::new(seed, target, calm, true);
        (0..3).flat_map(|_| schedule.round()).collect()
    }

    #[test]
    fn a_seed_tells_the_order_and_every_round_has_every_fault_that_suits() {
        let target = Target { clustered: false, has_environments: true };
        assert_eq!(rounds(7, target), rounds(7, target));
        assert_ne!(rounds(7, target), rounds(8, target));
        let all = rounds(7, target);
        let (first, rest) = all.split_at(all.len() / 3);
        let mut sorted = first.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 19, "each once");
        assert!(sorted.iter().all(|fault| rest.iter().filter(|other| *other == fault).count() == 2));
    }

    #[test]
    fn what_there_is_not_is_not_struck() {
        let cluster = rounds(7, Target { clustered: true, has_environments: false });
        assert!(cluster.contains(&Fault::FailedOver) && cluster.contains(&Fault::PostgresRestarted));
        assert!(!cluster.contains(&Fault::RedisKilled) && !cluster.contains(&Fault::EnvironmentsKilled));
        let library = rounds(7, Target { clustered: false, has_environments: false });
        assert!(library.contains(&Fault::ClearingLost) && !library.contains(&Fault::KilledAfterCommit));
    }
}
