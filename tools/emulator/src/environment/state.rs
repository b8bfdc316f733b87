//! What is known about an environment at one moment.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;

use super::Outcome;
use super::extension::Extensions;
use super::process::Process;
use crate::invocation::{Event, FunctionError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Init,
    InitFailed,
    Ready,
    Exited,
}

pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) process: Process,
    /// Workers that wait in `/invocation/next`.
    pub(super) pollers: VecDeque<oneshot::Sender<Event>>,
    /// Events that no worker has fetched yet.
    pub(super) pending: VecDeque<Event>,
    pub(super) running: BTreeMap<String, Running>,
    /// Answered, but the worker has not come back for the next event: request id and whom to tell.
    pub(super) finished: VecDeque<(String, oneshot::Sender<()>)>,
    pub(super) extensions: Extensions,
    pub(super) failure: Option<FunctionError>,
    /// Slots that the pool has given away.
    pub(super) reserved: usize,
    pub(super) last_used: u64,
    pub(super) invocations: u64,
    /// Whether it ends as soon as it is idle.
    pub(super) retired: bool,
}

pub(super) struct Running {
    pub(super) event: Event,
    pub(super) outcome: oneshot::Sender<Outcome>,
    pub(super) settled: oneshot::Sender<()>,
}

impl State {
    /// A program that has just been started, for one event.
    pub(super) fn new(process: Process) -> Self {
        Self {
            phase: Phase::Init,
            process,
            pollers: VecDeque::new(),
            pending: VecDeque::new(),
            running: BTreeMap::new(),
            finished: VecDeque::new(),
            extensions: Extensions::default(),
            failure: None,
            reserved: 1,
            last_used: 0,
            invocations: 0,
            retired: false,
        }
    }

    /// Gives events to the workers that wait for one.
    pub(super) fn deliver(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            let Some(poller) = self.pollers.pop_front() else {
                self.pending.push_front(event);
                return;
            };
            // A worker whose connection broke is gone; the next one gets the event.
            if let Err(event) = poller.send(event) {
                self.pending.push_front(event);
            }
        }
    }
}
