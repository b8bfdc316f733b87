//! Public snapshots of environments.

use super::Environment;
use super::state::Phase;

/// A snapshot of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// The function's short name.
    pub function: String,
    /// The process id, which is also the process group id.
    pub pid: u32,
    /// The state at the time of the snapshot.
    pub state: EnvironmentState,
    /// The number of events that have been dispatched to the environment.
    pub invocations: u64,
}

/// The state of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentState {
    /// The program has not requested its first event yet.
    Starting,
    /// The program handles at least one event.
    Busy,
    /// The program waits for an event.
    Idle,
    /// The program waits for an event and is stopped by SIGSTOP.
    Frozen,
}

impl Environment {
    pub(crate) fn info(&self) -> EnvironmentInfo {
        let state = self.lock();
        EnvironmentInfo {
            function: self.settings.function.name.clone(),
            pid: state.process.id(),
            state: match state.phase {
                Phase::Init | Phase::InitFailed => EnvironmentState::Starting,
                _ if state.reserved > 0 => EnvironmentState::Busy,
                _ if state.process.is_frozen() => EnvironmentState::Frozen,
                _ => EnvironmentState::Idle,
            },
            invocations: state.invocations,
        }
    }
}
