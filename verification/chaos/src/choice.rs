//! Which arms are tried, and how much is asked of each.

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::arm::api::Api;
use crate::arm::library::Library;
use crate::arm::naive::Naive;
use crate::checker::Checker;
use crate::load::Load;
use crate::report::Outcome;
use crate::schedule::Calm;
use crate::stage::Stage;
use crate::trial::{self, End, Plan, Progress};

/// How long the naive arm gets to be caught.
const CAUGHT_WITHIN: Duration = Duration::from_secs(60);

/// Which arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arms {
    /// The functions behind the emulator
    Api,
    /// The crate `shared` in this process
    Library,
    /// Cache-aside as it is usually written, until it is caught
    Naive,
    /// One after the other
    All,
}

/// How long an arm is tried: whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// This long.
    pub after: Duration,
    /// This many checked reads.
    pub reads: Option<u64>,
    /// How long nothing happens between two faults.
    pub calm: Calm,
}

impl Arms {
    /// The single ones.
    pub fn in_order(self) -> Vec<Self> {
        match self {
            Self::All => vec![Self::Naive, Self::Api, Self::Library],
            one => vec![one],
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Library => "library",
            Self::Naive => "naive",
            Self::All => "all",
        }
    }

    /// Tries one arm, or of all the API.
    ///
    /// # Errors
    /// The system could not be healed.
    pub async fn run(
        self,
        stage: &Stage,
        extent: Extent,
        seed: u64,
        tell: impl FnMut(Progress<'_>),
    ) -> Result<Outcome> {
        let Extent { after, reads, calm } = extent;
        let end = End { after, reads, at_a_violation: false };
        let witnessed = || Checker::new(Some(stage.witness.clone()));
        match self {
            Self::Api | Self::All => {
                let load = Load {
                    readers: 20,
                    read_every: Some(Duration::from_millis(22)),
                    writers: 6,
                    write_pause: Duration::from_millis(120),
                    leavers: 2,
                    leave_pause: Duration::from_millis(500),
                };
                let plan = Plan { end, subjects: 40, load, calm, has_environments: true, seed };
                trial::run(stage, Api(stage.kai.clone()), witnessed(), plan, tell).await
            }
            Self::Library => {
                let load = Load {
                    readers: 48,
                    read_every: None,
                    writers: 8,
                    write_pause: Duration::from_millis(250),
                    leavers: 2,
                    leave_pause: Duration::from_millis(400),
                };
                let plan = Plan { end, subjects: 100, load, calm, has_environments: false, seed };
                trial::run(stage, Library::new(&stage.kai)?, witnessed(), plan, tell).await
            }
            Self::Naive => {
                let end = End { after: CAUGHT_WITHIN, reads: None, at_a_violation: true };
                let load = Load {
                    readers: 16,
                    read_every: None,
                    writers: 6,
                    write_pause: Duration::from_millis(20),
                    leavers: 0,
                    leave_pause: Duration::ZERO,
                };
                let plan = Plan { end, subjects: 40, load, calm, has_environments: false, seed };
                trial::run(stage, Naive::new(&stage.kai)?, Checker::new(None), plan, tell).await
            }
        }
    }
}
