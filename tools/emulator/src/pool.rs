//! The environments of one function: started on demand, reused while idle, replaced on failure.

mod run;

use std::cmp::Reverse;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::environment::{Environment, Settings};
use crate::error::Error;
use crate::invocation::{Event, FunctionError, InvocationError, MAX_REQUEST_BYTES};
use crate::log::Log;
use crate::runtime_api;

/// How long [`Pool::stop`] waits for running invocations.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

type Result<T> = std::result::Result<T, InvocationError>;

/// The environments of one function.
pub(crate) struct Pool {
    pub(crate) settings: Arc<Settings>,
    limit: usize,
    reuse_wait: Duration,
    state: Mutex<State>,
    released: Notify,
}

#[derive(Default)]
struct State {
    environments: Vec<Arc<Environment>>,
    /// The number of reservations so far, which orders environments by their last use.
    uses: u64,
    stopped: bool,
}

/// An environment with a reserved slot for one event.
enum Slot {
    Warm(Arc<Environment>),
    Cold(Arc<Environment>),
}

impl Pool {
    /// Creates a pool of up to `limit` environments. An event waits up to `reuse_wait` for an
    /// environment that has just responded before another environment starts.
    pub(crate) fn new(settings: Settings, limit: usize, reuse_wait: Duration) -> Self {
        Self { settings: Arc::new(settings), limit, reuse_wait, state: Mutex::default(), released: Notify::new() }
    }

    /// Invokes the function. The invocation continues if the caller drops the future, as on Lambda.
    pub(crate) async fn invoke(self: &Arc<Self>, payload: Bytes, trace_root: Option<&str>) -> Result<Bytes> {
        if payload.len() > MAX_REQUEST_BYTES {
            return Err(InvocationError::RequestTooLarge);
        }
        let event = Event::new(payload, trace_root);
        let slot = self.acquire().await?;
        let (reply, outcome) = oneshot::channel();
        Handle::current().spawn(Arc::clone(self).run(slot, event, reply));
        match outcome.await {
            Ok(outcome) => outcome.map_err(InvocationError::Function),
            Err(_) => Err(InvocationError::Stopped),
        }
    }

    async fn acquire(&self) -> Result<Slot> {
        let deadline = Instant::now() + self.reuse_wait;
        loop {
            let released = self.released.notified();
            {
                let mut state = self.lock();
                if let Some(slot) = self.reserve_warm(&mut state)? {
                    return Ok(slot);
                }
                let completing = state.environments.iter().any(|environment| environment.is_completing());
                if !completing || Instant::now() >= deadline {
                    return self.start_cold(&mut state);
                }
            }
            let _ = timeout_at(deadline, released).await;
        }
    }

    /// Reserves a slot of the most recently used environment that has a free one, so that the
    /// others stay frozen.
    fn reserve_warm(&self, state: &mut State) -> Result<Option<Slot>> {
        if state.stopped {
            return Err(InvocationError::Stopped);
        }
        // A program may exit while it is idle. Its environment is then removed.
        state.environments.retain(|environment| !environment.has_exited());
        state.uses += 1;
        let uses = state.uses;
        let mut environments: Vec<_> = state.environments.iter().collect();
        environments.sort_by_key(|environment| Reverse(environment.last_used()));
        let found = environments.into_iter().find(|environment| environment.reserve(uses));
        Ok(found.map(|environment| Slot::Warm(Arc::clone(environment))))
    }

    fn start_cold(&self, state: &mut State) -> Result<Slot> {
        if state.environments.len() >= self.limit {
            return Err(InvocationError::Throttled);
        }
        let environment = Environment::start(&self.settings, runtime_api::serve)
            .map_err(|error| InvocationError::Function(invalid_entrypoint(&error)))?;
        state.environments.push(Arc::clone(&environment));
        Ok(Slot::Cold(environment))
    }

    /// Replaces the program. Idle environments end immediately. Busy environments end when they
    /// have handled their events.
    pub(crate) async fn replace(&self) {
        let idle: Vec<_> = {
            let mut state = self.lock();
            let (idle, busy) = mem::take(&mut state.environments).into_iter().partition(|each| each.retire());
            state.environments = busy;
            idle
        };
        shut_down_all(&idle).await;
    }

    /// Ends all environments, after waiting up to [`SHUTDOWN_GRACE`] for running invocations.
    pub(crate) async fn stop(&self) {
        self.lock().stopped = true;
        let deadline = Instant::now() + SHUTDOWN_GRACE;
        loop {
            let released = self.released.notified();
            if self.environments().iter().all(|environment| environment.is_idle()) {
                break;
            }
            if timeout_at(deadline, released).await.is_err() {
                break;
            }
        }
        let all = mem::take(&mut self.lock().environments);
        shut_down_all(&all).await;
    }

    /// Kills all environments and waits until they have exited.
    pub(crate) async fn kill(&self) {
        self.lock().stopped = true;
        for environment in self.environments() {
            environment.kill();
            environment.exited().await;
        }
    }

    pub(crate) fn environments(&self) -> Vec<Arc<Environment>> {
        self.lock().environments.clone()
    }

    /// Waits until all environments are idle.
    pub(crate) async fn idle(&self) {
        loop {
            let released = self.released.notified();
            if self.environments().iter().all(|environment| environment.is_idle()) {
                return;
            }
            released.await;
        }
    }

    /// Logs a line about the function that does not belong to a single environment.
    pub(crate) fn log(&self, text: String) {
        let function = self.settings.function.name.clone();
        Log { sink: Arc::clone(&self.settings.sink), function, environment: String::new() }.platform(text);
    }

    fn remove(&self, environment: &Arc<Environment>) {
        self.lock().environments.retain(|known| !Arc::ptr_eq(known, environment));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn shut_down_all(environments: &[Arc<Environment>]) {
    let mut tasks = JoinSet::new();
    for environment in environments {
        let environment = Arc::clone(environment);
        tasks.spawn(async move { environment.shut_down().await });
    }
    tasks.join_all().await;
}

fn invalid_entrypoint(error: &Error) -> FunctionError {
    FunctionError::new("Runtime.InvalidEntrypoint", format!("Error: {error}"))
}
