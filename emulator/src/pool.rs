//! The environments of one function: started when they are needed, reused when they are idle, replaced when they fail.

use crate::{
    environment::{Environment, Settings},
    error::Error,
    invocation::{Event, FunctionError, InvocationError, MAX_REQUEST_BYTES},
    log::{Log, Report},
};
use bytes::Bytes;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout, timeout_at},
};

/// How long Lambda lets a program initialise before it starts it again, under the function's own timeout.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How long an environment that has just answered may take to come back before another one is started in its place. A
/// client that sends its next request at once would otherwise have two environments, which no Lambda client is near
/// enough to see.
const SETTLE_LIMIT: Duration = Duration::from_millis(20);

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

    /// One invocation from its first log line to its last.
    async fn run(
        self: Arc<Self>,
        slot: Slot,
        event: Event,
        reply: oneshot::Sender<std::result::Result<Bytes, FunctionError>>,
    ) {
        let id = event.request_id.clone();
        let limit = self.settings.function.timeout;
        let (environment, init) = match slot {
            Slot::Warm(environment) => (environment, None),
            Slot::Cold(environment) => match self.initialise(environment, &id).await {
                Ok(ready) => ready,
                Err(failure) => return drop(reply.send(Err(failure))),
            },
        };
        let (init, deadline) = match init {
            Some(Init::InTime(duration)) => (Some(duration), Instant::now() + limit),
            Some(Init::Again(deadline)) => (None, deadline),
            None => (None, Instant::now() + limit),
        };
        let log = &environment.log;
        log.platform(format!("START RequestId: {id} Version: $LATEST"));
        let started = Instant::now();
        let invocation = environment.dispatch(event);
        let outcome = timeout_at(deadline, invocation.outcome).await;
        let duration = started.elapsed();
        let answered = matches!(outcome, Ok(Ok(_)));
        let mut failure = None;
        let result = match outcome {
            Ok(Ok(Ok(payload))) => Ok(payload),
            Ok(Ok(Err(error))) => {
                failure = Some(error.error_type.clone());
                log.platform(format!("{id} {error}"));
                Err(error)
            }
            Ok(Err(_)) => Err(FunctionError::new("Runtime.ExitError", format!("RequestId: {id} Error: exited"))),
            Err(_) => {
                failure = Some("timeout".to_owned());
                let message = timed_out(limit);
                log.platform(format!("{} {id} {message}", jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ")));
                Err(FunctionError::new("Sandbox.Timedout", format!("RequestId: {id} Error: {message}")))
            }
        };
        let mut peak_memory = environment.peak_memory();
        drop(reply.send(result));
        // What the function does after its answer counts against its timeout too.
        let settled = answered && timeout_at(deadline, invocation.settled).await.is_ok_and(|settled| settled.is_ok());
        environment.drain();
        peak_memory = peak_memory.max(environment.peak_memory());
        log.platform(format!("END RequestId: {id}"));
        let failure = failure.as_deref();
        let report = Report {
            request_id: &id,
            duration,
            init,
            memory_size: self.settings.function.memory_size,
            peak_memory,
            failure,
        };
        log.platform(report.to_string());
        if settled {
            if environment.release() {
                self.forget(&environment);
                environment.shut_down().await;
            }
        } else {
            self.forget(&environment);
            environment.kill();
        }
        self.released.notify_waiters();
    }

    /// Waits until a new environment is ready. One that fails, or takes too long, is replaced by a second one, which starts
    /// under the function's timeout as part of the invocation.
    async fn initialise(
        &self,
        environment: Arc<Environment>,
        request_id: &str,
    ) -> std::result::Result<(Arc<Environment>, Option<Init>), FunctionError> {
        let started = Instant::now();
        let status = match timeout(INIT_LIMIT, environment.ready()).await {
            Ok(Ok(())) => return Ok((environment, Some(Init::InTime(started.elapsed())))),
            Ok(Err(failure)) => format!("error\tError Type: {}", failure.error_type),
            Err(_) => "timeout".to_owned(),
        };
        report_init(&environment, started.elapsed(), "init", &status);
        self.forget(&environment);
        environment.kill();
        environment.ended().await;

        let started = Instant::now();
        let limit = self.settings.function.timeout;
        let again = {
            let mut state = self.lock();
            match self.cold(&mut state) {
                Ok(Slot::Cold(again) | Slot::Warm(again)) => again,
                Err(InvocationError::Function(failure)) => return Err(failure),
                Err(other) => return Err(FunctionError::new("Sandbox.Failure", other.to_string())),
            }
        };
        let (status, failure) = match timeout(limit, again.ready()).await {
            Ok(Ok(())) => return Ok((again, Some(Init::Again(started + limit)))),
            Ok(Err(failure)) => (format!("error\tError Type: {}", failure.error_type), failure),
            Err(_) => {
                let message = format!("RequestId: {request_id} Error: {}", timed_out(limit));
                ("timeout".to_owned(), FunctionError::new("Sandbox.Timedout", message))
            }
        };
        report_init(&again, started.elapsed(), "invoke", &status);
        self.forget(&again);
        again.kill();
        Err(failure)
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

enum Init {
    InTime(Duration),
    /// The first attempt failed; the second one began the invocation, which ends at this time.
    Again(Instant),
}

async fn shut_down_all(environments: &[Arc<Environment>]) {
    let mut tasks = tokio::task::JoinSet::new();
    for environment in environments {
        let environment = Arc::clone(environment);
        tasks.spawn(async move { environment.shut_down().await });
    }
    tasks.join_all().await;
}

fn report_init(environment: &Environment, duration: Duration, phase: &str, status: &str) {
    environment.drain();
    let milliseconds = duration.as_secs_f64() * 1e3;
    environment
        .log
        .platform(format!("INIT_REPORT Init Duration: {milliseconds:.2} ms\tPhase: {phase}\tStatus: {status}"));
}

fn timed_out(limit: Duration) -> String {
    format!("Task timed out after {:.2} seconds", limit.as_secs_f64())
}

fn invalid_entrypoint(error: &Error) -> FunctionError {
    FunctionError::new("Runtime.InvalidEntrypoint", format!("Error: {error}"))
}
