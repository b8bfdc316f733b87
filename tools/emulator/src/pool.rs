//! The environments of one function: started when they are needed, reused when they are idle, replaced when they fail.

mod run;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::environment::{Environment, Settings};
use crate::error::Error;
use crate::invocation::{Event, FunctionError, InvocationError, MAX_REQUEST_BYTES};
use crate::log::Log;

/// How long an environment that has just answered may take to come back before another one is started in its place. A
/// client that sends its next request at once would otherwise have two environments, which no Lambda client is near
/// enough to see.
const SETTLE_LIMIT: Duration = Duration::from_millis(100);

/// How long a shut-down waits for invocations under way.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

type Result<T> = std::result::Result<T, InvocationError>;

/// The environments of one function.
pub(crate) struct Pool {
    pub(crate) settings: Arc<Settings>,
    limit: usize,
    state: Mutex<State>,
    released: Notify,
}

#[derive(Default)]
struct State {
    environments: Vec<Arc<Environment>>,
    /// Counts uses, so that the environment used last is known.
    uses: u64,
    stopped: bool,
}

/// An environment with a slot for one event.
enum Slot {
    Warm(Arc<Environment>),
    Cold(Arc<Environment>),
}

impl Pool {
    pub(crate) fn new(settings: Settings, limit: usize) -> Self {
        Self { settings: Arc::new(settings), limit, state: Mutex::default(), released: Notify::new() }
    }

    /// Runs the function on an event. The invocation goes on when the caller goes away, as it does on Lambda.
    pub(crate) async fn invoke(self: &Arc<Self>, payload: Bytes, trace_root: Option<&str>) -> Result<Bytes> {
        if payload.len() > MAX_REQUEST_BYTES {
            return Err(InvocationError::RequestTooLarge);
        }
        let event = Event::new(payload, trace_root);
        let slot = self.acquire().await?;
        let (reply, outcome) = oneshot::channel();
        tokio::runtime::Handle::current().spawn(Arc::clone(self).run(slot, event, reply));
        match outcome.await {
            Ok(outcome) => outcome.map_err(InvocationError::Function),
            Err(_) => Err(InvocationError::Stopped),
        }
    }

    async fn acquire(&self) -> Result<Slot> {
        let deadline = Instant::now() + SETTLE_LIMIT;
        loop {
            let released = self.released.notified();
            {
                let mut state = self.lock();
                if let Some(slot) = self.warm(&mut state)? {
                    return Ok(slot);
                }
                let settling = state.environments.iter().any(|environment| environment.is_settling());
                if !settling || Instant::now() >= deadline {
                    return self.cold(&mut state);
                }
            }
            let _ = timeout_at(deadline, released).await;
        }
    }

    /// The environment used last that has a slot free, so that the others may stay frozen.
    fn warm(&self, state: &mut State) -> Result<Option<Slot>> {
        if state.stopped {
            return Err(InvocationError::Stopped);
        }
        // A program may end while it is idle; its environment is simply gone.
        state.environments.retain(|environment| !environment.has_ended());
        state.uses += 1;
        let uses = state.uses;
        let mut environments: Vec<_> = state.environments.iter().collect();
        environments.sort_by_key(|environment| std::cmp::Reverse(environment.last_used()));
        let found = environments.into_iter().find(|environment| environment.reserve(uses));
        Ok(found.map(|environment| Slot::Warm(Arc::clone(environment))))
    }

    fn cold(&self, state: &mut State) -> Result<Slot> {
        if state.environments.len() >= self.limit {
            return Err(InvocationError::Throttled);
        }
        let environment = Environment::start(&self.settings)
            .map_err(|error| InvocationError::Function(invalid_entrypoint(&error)))?;
        state.environments.push(Arc::clone(&environment));
        Ok(Slot::Cold(environment))
    }

    /// Replaces the program: idle environments end, busy ones finish first.
    pub(crate) async fn replace(&self) {
        let idle: Vec<_> = {
            let mut state = self.lock();
            let (idle, busy) = std::mem::take(&mut state.environments).into_iter().partition(|each| each.retire());
            state.environments = busy;
            idle
        };
        shut_down_all(&idle).await;
    }

    /// Ends all environments, once what is under way has ended or taken too long.
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
        let all = std::mem::take(&mut self.lock().environments);
        shut_down_all(&all).await;
    }

    /// Ends all environments without waiting for anything but their end.
    pub(crate) async fn kill(&self) {
        self.lock().stopped = true;
        for environment in self.environments() {
            environment.kill();
            environment.ended().await;
        }
    }

    pub(crate) fn environments(&self) -> Vec<Arc<Environment>> {
        self.lock().environments.clone()
    }

    /// Waits until no environment has anything to do.
    pub(crate) async fn idle(&self) {
        loop {
            let released = self.released.notified();
            if self.environments().iter().all(|environment| environment.is_idle()) {
                return;
            }
            released.await;
        }
    }

    /// A line about the function that no environment wrote.
    pub(crate) fn log(&self, text: String) {
        let function = self.settings.function.name.clone();
        Log { sink: Arc::clone(&self.settings.sink), function, environment: String::new() }.platform(text);
    }

    fn forget(&self, environment: &Arc<Environment>) {
        self.lock().environments.retain(|known| !Arc::ptr_eq(known, environment));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn shut_down_all(environments: &[Arc<Environment>]) {
    let mut tasks = tokio::task::JoinSet::new();
    for environment in environments {
        let environment = Arc::clone(environment);
        tasks.spawn(async move { environment.shut_down().await });
    }
    tasks.join_all().await;
}

fn invalid_entrypoint(error: &Error) -> FunctionError {
    FunctionError::new("Runtime.InvalidEntrypoint", format!("Error: {error}"))
}
