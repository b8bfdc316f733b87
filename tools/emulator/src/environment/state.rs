//! The mutable state of an environment.

use std::collections::{BTreeMap, VecDeque};

use tokio::sync::oneshot;

use super::extension::Extensions;
use super::process::Process;
use crate::invocation::{Event, FunctionError, Outcome};

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
    /// The workers that wait in `/invocation/next`.
    pub(super) pollers: VecDeque<oneshot::Sender<Event>>,
    /// The events that no worker has received yet.
    pub(super) pending: VecDeque<Event>,
    /// The events that workers are handling and those that are pending, by request id.
    pub(super) running: BTreeMap<String, Running>,
    /// The events that have a response but whose workers have not requested their next event yet.
    /// Each entry has the request id and the sender that completes the invocation.
    pub(super) responded: VecDeque<(String, oneshot::Sender<()>)>,
    pub(super) extensions: Extensions,
    pub(super) failure: Option<FunctionError>,
    /// The number of slots that the pool has reserved.
    pub(super) reserved: usize,
    pub(super) last_used: u64,
    pub(super) invocations: u64,
    /// Whether the environment ends as soon as it is idle.
    pub(super) retired: bool,
}

pub(super) struct Running {
    pub(super) event: Event,
    pub(super) outcome: oneshot::Sender<Outcome>,
    pub(super) completed: oneshot::Sender<()>,
}

impl State {
    /// Creates the state of a program that has been started for one event.
    pub(super) fn new(process: Process) -> Self {
        Self {
            phase: Phase::Init,
            process,
            pollers: VecDeque::new(),
            pending: VecDeque::new(),
            running: BTreeMap::new(),
            responded: VecDeque::new(),
            extensions: Extensions::default(),
            failure: None,
            reserved: 1,
            last_used: 0,
            invocations: 0,
            retired: false,
        }
    }

    /// Sends pending events to waiting workers.
    pub(super) fn deliver_pending(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            let Some(poller) = self.pollers.pop_front() else {
                self.pending.push_front(event);
                return;
            };
            // The connection of this worker broke, so the next worker receives the event.
            if let Err(event) = poller.send(event) {
                self.pending.push_front(event);
            }
        }
    }
}
