//! The workload of each target.

use std::time::Duration;

use anyhow::Result;

use crate::checker::Checker;
use crate::counts::Counts;
use crate::load::Load;
use crate::report::Outcome;
use crate::run::{self, Plan, Progress, StopCondition};
use crate::schedule::QuietPeriod;
use crate::system::System;
use crate::target::Target as _;
use crate::target::api::Api;
use crate::target::library::Library;
use crate::target::naive::Naive;

/// The time limit for finding a violation of the plain cache-aside.
const CAUGHT_WITHIN: Duration = Duration::from_secs(60);

/// The targets that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// The functions behind the emulator.
    Api,
    /// The crate `shared` in this process.
    Library,
    /// Plain cache-aside. Its run ends at the first violation.
    Naive,
}

impl TargetKind {
    /// Returns the name of the target in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => Api::NAME,
            Self::Library => Library::NAME,
            Self::Naive => Naive::NAME,
        }
    }

    /// Runs the target under its load, and injects faults.
    ///
    /// # Errors
    /// The system could not be healed.
    pub async fn run(
        self,
        system: &System,
        limits: Limits,
        seed: u64,
        report: impl FnMut(Progress<'_>),
    ) -> Result<Outcome> {
        let Limits { after, reads, minimum, quiet_period } = limits;
        let stop = StopCondition { after, minimum, reads, on_violation: false };
        let checker = || Checker::new(Some(system.oracle.clone()));
        match self {
            Self::Api => {
                let load = Load {
                    readers: 20,
                    read_interval: Some(Duration::from_millis(22)),
                    writers: 6,
                    write_pause: Duration::from_millis(120),
                    sign_out_tasks: 2,
                    sign_out_pause: Duration::from_millis(500),
                };
                let plan = Plan { stop, users: 40, load, quiet_period, has_environments: true, seed };
                run::execute(system, Api(system.kai.clone()), checker(), plan, report).await
            }
            Self::Library => {
                let load = Load {
                    readers: 48,
                    read_interval: None,
                    writers: 8,
                    write_pause: Duration::from_millis(250),
                    sign_out_tasks: 2,
                    sign_out_pause: Duration::from_millis(400),
                };
                let plan = Plan { stop, users: 100, load, quiet_period, has_environments: false, seed };
                run::execute(system, Library::new(&system.kai)?, checker(), plan, report).await
            }
            Self::Naive => {
                let minimum = Counts::default();
                let stop = StopCondition { after: CAUGHT_WITHIN, minimum, reads: None, on_violation: true };
                let load = Load {
                    readers: 16,
                    read_interval: None,
                    writers: 6,
                    write_pause: Duration::from_millis(20),
                    sign_out_tasks: 0,
                    sign_out_pause: Duration::ZERO,
                };
                let plan = Plan { stop, users: 40, load, quiet_period, has_environments: false, seed };
                run::execute(system, Naive::new(&system.kai)?, Checker::new(None), plan, report).await
            }
        }
    }
}

/// The limits of the run of a target, and the pace of its faults.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The duration of the run.
    pub after: Duration,
    /// The number of checked reads that ends the run before `after` has elapsed.
    pub reads: Option<u64>,
    /// The events that must have occurred, even if the run takes longer because of them.
    pub minimum: Counts,
    /// The shortest and the longest time between two faults.
    pub quiet_period: QuietPeriod,
}
