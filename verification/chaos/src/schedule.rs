//! The schedule of faults: all that apply, in an order given by the seed, again and again, with
//! quiet periods between them.

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

/// The number of rounds in which a fault may have no effect. After that, a run may stop without it.
const MAX_ROUNDS: usize = 5;

/// The faults of one run.
#[derive(Debug)]
pub struct Schedule {
    random: StdRng,
    topology: Topology,
    quiet_period: QuietPeriod,
    requires_all: bool,
    /// The faults that were injected so far.
    pub injected: BTreeMap<Fault, Injected>,
}

impl Schedule {
    /// Creates a schedule. The same seed gives the same order and the same durations.
    ///
    /// With `requires_all`, it does not stop before every fault had an effect, unless a fault has
    /// had none in several rounds.
    pub fn new(seed: u64, topology: Topology, quiet_period: QuietPeriod, requires_all: bool) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { random, topology, quiet_period, requires_all, injected: BTreeMap::new() }
    }

    /// Injects faults until `stop`, and reports the name of each one. When it returns, every fault
    /// is healed.
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

    /// Returns each fault once, in another order each time.
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

    /// Whether every fault had an effect. For some, that depends on what happens at that moment:
    /// the fault that kills busy environments may meet none.
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
    /// The shortest time.
    pub min: Duration,
    /// The longest time.
    pub max: Duration,
}

/// How often a kind of fault was injected, and its effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Injected {
    /// The number of times.
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
    fn a_seed_determines_the_order_and_every_round_has_every_fault_that_applies() {
        let topology = Topology { clustered: false, has_environments: true };
        assert_eq!(rounds(7, topology), rounds(7, topology));
        assert_ne!(rounds(7, topology), rounds(8, topology));
        let all = rounds(7, topology);
        let (first, rest) = all.split_at(all.len() / 3);
        let mut sorted = first.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 19, "each once");
        assert!(sorted.iter().all(|fault| rest.iter().filter(|other| *other == fault).count() == 2));
    }

    #[test]
    fn faults_of_missing_parts_are_not_injected() {
        let cluster = rounds(7, Topology { clustered: true, has_environments: false });
        assert!(cluster.contains(&Fault::ShardFailedOver) && cluster.contains(&Fault::PostgresRestarted));
        assert!(!cluster.contains(&Fault::RedisKilled) && !cluster.contains(&Fault::EnvironmentsKilled));
        let library = rounds(7, Topology { clustered: false, has_environments: false });
        assert!(library.contains(&Fault::MarkerClearLost) && !library.contains(&Fault::KilledAfterCommit));
    }

    #[test]
    fn all_faults_are_injected_only_when_each_had_an_effect() {
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
