//! The schedule of faults. Each round injects every applicable fault in an order that the seed
//! determines, with quiet periods between the faults.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::fault::{Fault, Topology};
use crate::system::System;

/// The number of rounds in which a fault may have no effect. After them, a run may stop even if a
/// fault had no effect.
const MAX_ROUNDS: usize = 5;

/// The faults of one run.
#[derive(Debug)]
pub struct Schedule {
    random: StdRng,
    topology: Topology,
    quiet_period: QuietPeriod,
    requires_all: bool,
    /// The faults that were injected so far, and their effects.
    pub injected: BTreeMap<Fault, Injected>,
}

impl Schedule {
    /// Creates a schedule. The same seed gives the same order and the same durations.
    ///
    /// With `requires_all`, the schedule does not stop before every fault had an effect, unless a
    /// fault had none in several rounds.
    pub fn new(seed: u64, topology: Topology, quiet_period: QuietPeriod, requires_all: bool) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { random, topology, quiet_period, requires_all, injected: BTreeMap::new() }
    }

    /// Injects faults until `stop` is true, and reports the name of each one. When this function
    /// returns, every fault is healed.
    ///
    /// # Errors
    /// A fault could not be healed.
    pub async fn run(
        &mut self,
        system: &System,
        mut stop: watch::Receiver<bool>,
        report: impl Fn(&'static str),
    ) -> Result<()> {
        for round in 0.. {
            for fault in self.round() {
                report("quiet");
                let QuietPeriod { min, max } = self.quiet_period;
                let pause = min + (max - min).mul_f64(self.random.random());
                let may_stop = !self.requires_all || self.has_injected_all() || round >= MAX_ROUNDS;
                if timeout(pause, stop.wait_for(|stop| *stop && may_stop)).await.is_ok() {
                    return Ok(());
                }
                report(fault.name());
                let affected = fault.inject(system, &mut self.random).await.with_context(|| fault.name())?;
                self.record(fault, affected);
            }
        }
        Ok(())
    }

    /// Returns each applicable fault once, in a new random order.
    fn round(&mut self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.applicable().collect();
        faults.shuffle(&mut self.random);
        faults
    }

    fn record(&mut self, fault: Fault, affected: u64) {
        let injected = self.injected.entry(fault).or_default();
        injected.times += 1;
        injected.affected += affected;
    }

    /// Returns whether every fault had an effect. Some effects depend on the moment: a fault that
    /// kills busy environments may find none.
    fn has_injected_all(&self) -> bool {
        self.applicable().all(|fault| self.injected.get(&fault).is_some_and(|injected| injected.affected > 0))
    }

    fn applicable(&self) -> impl Iterator<Item = Fault> + use<> {
        let topology = self.topology;
        Fault::ALL.into_iter().filter(move |fault| fault.applies_to(topology))
    }
}

/// The shortest and the longest time between two faults.
#[derive(Debug, Clone, Copy)]
pub struct QuietPeriod {
    /// The shortest time between two faults.
    pub min: Duration,
    /// The longest time between two faults.
    pub max: Duration,
}

/// The number of times that a kind of fault was injected, and its effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Injected {
    /// The number of times that the fault was injected.
    pub times: u64,
    /// The number of affected connections, environments, keys or slots.
    pub affected: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(seed: u64, topology: Topology) -> Schedule {
        Schedule::new(seed, topology, QuietPeriod { min: Duration::ZERO, max: Duration::ZERO }, true)
    }

    fn rounds(seed: u64, topology: Topology) -> Vec<Fault> {
        let mut schedule = schedule(seed, topology);
        (0..3).flat_map(|_| schedule.round()).collect()
    }

    #[test]
    fn a_seed_determines_the_order_and_every_round_contains_every_applicable_fault() {
        let topology = Topology { clustered: false, has_environments: true };
        assert_eq!(rounds(7, topology), rounds(7, topology));
        assert_ne!(rounds(7, topology), rounds(8, topology));
        let all = rounds(7, topology);
        let (first, rest) = all.split_at(all.len() / 3);
        let mut sorted = first.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 19, "a round contains each fault once");
        assert!(sorted.iter().all(|fault| rest.iter().filter(|other| *other == fault).count() == 2));
    }

    #[test]
    fn faults_that_do_not_apply_to_the_topology_are_not_injected() {
        let cluster = rounds(7, Topology { clustered: true, has_environments: false });
        assert!(cluster.contains(&Fault::ShardFailedOver) && cluster.contains(&Fault::PostgresRestarted));
        assert!(!cluster.contains(&Fault::RedisKilled) && !cluster.contains(&Fault::EnvironmentsKilled));
        let library = rounds(7, Topology { clustered: false, has_environments: false });
        assert!(library.contains(&Fault::MarkerClearLost) && !library.contains(&Fault::KilledAfterCommit));
    }

    #[test]
    fn the_faults_are_complete_only_when_each_had_an_effect() {
        let mut schedule = schedule(7, Topology { clustered: true, has_environments: false });
        for fault in schedule.round() {
            assert!(!schedule.has_injected_all(), "{fault:?}");
            schedule.record(fault, u64::from(fault != Fault::SlotsMoved));
        }
        assert!(!schedule.has_injected_all(), "no slot was moved");
        schedule.record(Fault::SlotsMoved, 1);
        assert!(schedule.has_injected_all());
    }
}
