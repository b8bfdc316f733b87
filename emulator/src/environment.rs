//! One execution environment: a process of the function, what it waits for, and what it is working on.

mod extension;
mod output;
mod process;
mod variables;

pub(crate) use extension::Refusal;
pub(crate) use process::{command, peak_memory};
pub(crate) use variables::{Identity, variables};

use crate::{
    error::{Error, Result},
    invocation::{Event, FunctionError, random_hex},
    log::{Log, LogSink, Stream},
    runtime_api,
    template::{ACCOUNT, Function, REGION},
};
use bytes::Bytes;
use extension::Extensions;
use output::Output;
use process::Process;
use serde_json::json;
use std::{
    collections::{BTreeMap, VecDeque},
    net::TcpListener,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    process::Child,
    sync::{Notify, oneshot},
    task::JoinSet,
};
use uuid::Uuid;

/// What Lambda leaves the runtime when an internal extension is registered.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>
const SHUTDOWN_LIMIT: Duration = Duration::from_millis(500);

/// What all environments of one function have in common.
pub(crate) struct Settings {
    pub(crate) function: Function,
    pub(crate) binary: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    /// How many requests one environment takes at once.
    pub(crate) concurrency: usize,
    pub(crate) freeze: bool,
    pub(crate) sink: LogSink,
}

impl Settings {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.function.function_name)
    }
}

/// What an invocation ends with.
pub(crate) type Outcome = std::result::Result<Bytes, FunctionError>;

/// An environment. Everything but [`Environment::info`] happens on the emulator's own thread.
pub(crate) struct Environment {
    pub(crate) settings: Arc<Settings>,
    pub(crate) log: Log,
    outputs: [Output; 2],
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Init,
    InitFailed,
    Ready,
    Exited,
}

struct State {
    phase: Phase,
    process: Process,
    /// Workers that wait in `/invocation/next`.
    pollers: VecDeque<oneshot::Sender<Event>>,
    /// Events that no worker has fetched yet.
    pending: VecDeque<Event>,
    running: BTreeMap<String, Running>,
    /// Answered, but the worker has not come back for the next event: request id and whom to tell.
    finished: VecDeque<(String, oneshot::Sender<()>)>,
    extensions: Extensions,
    failure: Option<FunctionError>,
    /// Slots that the pool has given away.
    reserved: usize,
    last_used: u64,
    invocations: u64,
    /// Whether it ends as soon as it is idle.
    retired: bool,
}

struct Running {
    event: Event,
    outcome: oneshot::Sender<Outcome>,
    settled: oneshot::Sender<()>,
}

/// An invocation under way.
pub(crate) struct Invocation {
    /// What the caller gets.
    pub(crate) outcome: oneshot::Receiver<Outcome>,
    /// Resolves when the environment is ready for more; fails when it ended.
    pub(crate) settled: oneshot::Receiver<()>,
}

/// An environment as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// The function's short name.
    pub function: String,
    /// The process id, which is also the process group's.
    pub pid: u32,
    /// What it is doing.
    pub state: EnvironmentState,
    /// How many events it has been given.
    pub invocations: u64,
}

/// What an environment is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentState {
    /// It has not asked for its first event.
    Starting,
    /// It is working on at least one event.
    Busy,
    /// It waits for an event.
    Idle,
    /// It waits for an event, stopped by SIGSTOP.
    Frozen,
}

impl Environment {
    /// Starts the program; the environment may take one event at once ([`Environment::ready`] tells when).
    pub(crate) fn start(settings: &Arc<Settings>) -> Result<Arc<Self>> {
        let what = || settings.binary.display().to_string();
        let failed = |source| Error::Start { what: what(), source };
        if !settings.binary.is_file() {
            return Err(Error::Binary {
                resource: settings.function.logical_id.clone(),
                path: settings.binary.clone(),
            });
        }
        let id = random_hex::<16>();
        let function = &settings.function;
        let log = Log { sink: Arc::clone(&settings.sink), function: function.name.clone(), environment: id.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let variables = variables(
            &settings.variables,
            &Identity {
                function_name: &function.function_name,
                memory_size: function.memory_size,
                log_stream: &format!("{}/[$LATEST]{id}", jiff::Timestamp::now().strftime("%Y/%m/%d")),
                runtime_api: &listener.local_addr().map_err(failed)?.to_string(),
                binary: &settings.binary,
            },
        );
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        let (stdout, stdout_end) = Output::open(Stream::Stdout, log.clone()).map_err(failed)?;
        let (stderr, stderr_end) = Output::open(Stream::Stderr, log.clone()).map_err(failed)?;
        let (process, child) = Process::spawn(&settings.binary, &variables, stdout_end, stderr_end).map_err(failed)?;
        let environment = Arc::new(Self {
            settings: Arc::clone(settings),
            log,
            outputs: [stdout, stderr],
            state: Mutex::new(State {
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
            }),
            changed: Notify::new(),
        });
        tokio::runtime::Handle::current().spawn(Arc::clone(&environment).supervise(child, listener));
        Ok(environment)
    }

    /// Serves the runtime API and passes output on until the program ends.
    async fn supervise(self: Arc<Self>, mut child: Child, listener: tokio::net::TcpListener) {
        let mut serving = JoinSet::new();
        serving.spawn(runtime_api::serve(Arc::clone(&self), listener));
        let [stdout, stderr] = &self.outputs;
        let output = async { tokio::join!(stdout.run(), stderr.run()) };
        tokio::pin!(output);
        let status = tokio::select! {
            status = child.wait() => status,
            // A program that closes both is still alive.
            _ = &mut output => child.wait().await,
        };
        self.drain();
        self.outputs.iter().for_each(Output::finish);
        self.exited(status.ok());
    }

    fn exited(&self, status: Option<ExitStatus>) {
        let mut state = self.lock();
        state.process.ended();
        let reason = match status {
            Some(status) if status.success() => "Runtime exited without providing a reason".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
                (None, Some(signal)) => format!("Runtime exited with error: signal: {signal}"),
                (None, None) => "Runtime exited with error".to_owned(),
            },
            None => "Runtime exited with error".to_owned(),
        };
        for (id, running) in std::mem::take(&mut state.running) {
            let error = FunctionError::new("Runtime.ExitError", format!("RequestId: {id} Error: {reason}"));
            let _ = running.outcome.send(Err(error));
        }
        state.finished.clear();
        state.failure.get_or_insert_with(|| FunctionError::new("Runtime.ExitError", format!("Error: {reason}")));
        state.phase = Phase::Exited;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the program asks for its first event, or says or shows that it cannot.
    pub(crate) async fn ready(&self) -> std::result::Result<(), FunctionError> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                match (state.phase, &state.failure) {
                    (Phase::Ready, _) => return Ok(()),
                    (Phase::InitFailed | Phase::Exited, Some(failure)) => return Err(failure.clone()),
                    _ => {}
                }
            }
            changed.await;
        }
    }

    /// Waits until the program has ended.
    pub(crate) async fn ended(&self) {
        loop {
            let changed = self.changed.notified();
            if self.has_ended() {
                return;
            }
            changed.await;
        }
    }

    /// Hands an event over, to a program that is thawed for it.
    pub(crate) fn dispatch(&self, event: Event) -> Invocation {
        let (outcome, outcome_receiver) = oneshot::channel();
        let (settled, settled_receiver) = oneshot::channel();
        let mut state = self.lock();
        if state.phase == Phase::Ready {
            state.process.thaw();
            state.invocations += 1;
            let told = json!({
                "eventType": "INVOKE",
                "deadlineMs": self.deadline(),
                "requestId": event.request_id,
                "invokedFunctionArn": self.settings.arn(),
                "tracing": {"type": "X-Amzn-Trace-Id", "value": event.trace},
            });
            state.extensions.invoke(&told);
            state.running.insert(event.request_id.clone(), Running { event: event.clone(), outcome, settled });
            state.pending.push_back(event);
            state.deliver();
        } else {
            let error = state.failure.clone();
            let _ =
                outcome.send(Err(error.unwrap_or_else(|| FunctionError::new("Runtime.ExitError", "Error: exited"))));
        }
        Invocation { outcome: outcome_receiver, settled: settled_receiver }
    }

    /// When an event that is handed over now is due, in milliseconds since 1970.
    pub(crate) fn deadline(&self) -> i64 {
        let timeout = i64::try_from(self.settings.function.timeout.as_millis()).unwrap_or(i64::MAX);
        jiff::Timestamp::now().as_millisecond().saturating_add(timeout)
    }

    /// A worker asks for an event. `None` where it may not: after it reported that it cannot start.
    pub(crate) fn next(&self) -> Option<oneshot::Receiver<Event>> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Init | Phase::Ready) {
            return None;
        }
        match state.running.values().next() {
            // A lone worker that asks again without having answered gets the same event again, as on Lambda.
            Some(running) if self.settings.concurrency == 1 && state.pending.is_empty() => {
                let _ = sender.send(running.event.clone());
            }
            _ => state.pollers.push_back(sender),
        }
        state.deliver();
        self.advance(state);
        Some(receiver)
    }

    /// The answer to an event, `false` where no worker has an event with this id.
    pub(crate) fn answer(&self, request_id: &str, outcome: Outcome) -> bool {
        self.drain();
        let mut state = self.lock();
        let Some(running) = state.running.remove(request_id) else { return false };
        state.finished.push_back((request_id.to_owned(), running.settled));
        drop(state);
        let _ = running.outcome.send(outcome);
        true
    }

    /// Whether a worker is working on this event; `None` where it has answered but not come back.
    pub(crate) fn works_on(&self, request_id: &str) -> Option<bool> {
        let state = self.lock();
        let answered = state.finished.iter().any(|(finished, _)| finished == request_id);
        (!answered).then(|| state.running.contains_key(request_id))
    }

    /// The program cannot start; `false` where it has started already.
    pub(crate) fn init_error(&self, failure: FunctionError) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Init {
            return false;
        }
        state.phase = Phase::InitFailed;
        state.failure = Some(failure);
        drop(state);
        self.changed.notify_waiters();
        true
    }

    pub(crate) fn register_extension(&self, name: &str, events: &[String]) -> std::result::Result<Uuid, Refusal> {
        let mut state = self.lock();
        if state.phase != Phase::Init {
            return Err(("Extension.RegistrationClosed", "Extension registration closed already".to_owned()));
        }
        state.extensions.register(name, events)
    }

    pub(crate) fn extension_next(&self, id: &Uuid) -> Option<oneshot::Receiver<serde_json::Value>> {
        let mut state = self.lock();
        let receiver = state.extensions.next(id)?;
        self.advance(state);
        Some(receiver)
    }

    pub(crate) fn knows_extension(&self, id: &Uuid) -> bool {
        self.lock().extensions.knows(id)
    }

    /// An extension gives up, which ends the environment. `during_init` says which of its two calls it made.
    pub(crate) fn extension_failed(&self, error_type: &'static str, during_init: bool) {
        let failure = FunctionError::new(error_type, "Error: an extension reported an error");
        if !(during_init && self.init_error(failure.clone())) {
            let mut state = self.lock();
            for (_, running) in std::mem::take(&mut state.running) {
                let _ = running.outcome.send(Err(failure.clone()));
            }
            state.process.kill();
        }
    }

    /// Moves on after a worker or an extension came to wait.
    fn advance(&self, mut state: MutexGuard<'_, State>) {
        if state.phase == Phase::Init && !state.pollers.is_empty() && state.extensions.all_wait() {
            state.phase = Phase::Ready;
        }
        // Workers that are neither waiting nor working have answered and not come back yet.
        let away = self.settings.concurrency.saturating_sub(state.pollers.len() + state.running.len());
        while state.finished.len() > away && state.extensions.all_wait() {
            if let Some((_, settled)) = state.finished.pop_front() {
                let _ = settled.send(());
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Takes a slot for one event, if there is one: `used` orders environments by their last use.
    pub(crate) fn reserve(&self, used: u64) -> bool {
        let mut state = self.lock();
        let free = state.phase == Phase::Ready && !state.retired && state.reserved < self.settings.concurrency;
        if free {
            state.reserved += 1;
            state.last_used = used;
        }
        free
    }

    /// Gives a slot back and freezes what is idle; `true` where the environment is retired and now idle.
    pub(crate) fn release(&self) -> bool {
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(1);
        if state.reserved > 0 {
            return false;
        }
        if self.settings.freeze && state.phase == Phase::Ready && !state.retired && !state.process.exited() {
            state.process.freeze();
        }
        state.retired
    }

    /// Takes no more events; `true` where nothing is under way.
    pub(crate) fn retire(&self) -> bool {
        let mut state = self.lock();
        state.retired = true;
        state.reserved == 0
    }

    /// Ends the program as Lambda does: with a warning only where an extension is registered.
    pub(crate) async fn shut_down(&self) {
        let warned = {
            let mut state = self.lock();
            let warn = !state.extensions.is_empty();
            if warn {
                state.process.terminate();
            }
            warn
        };
        if warned {
            let _ = tokio::time::timeout(SHUTDOWN_LIMIT, self.ended()).await;
        }
        self.kill();
        self.ended().await;
    }

    pub(crate) fn kill(&self) {
        self.lock().process.kill();
    }

    /// Passes on what the function has printed up to now.
    pub(crate) fn drain(&self) {
        self.outputs.iter().for_each(Output::drain);
    }

    pub(crate) fn peak_memory(&self) -> u64 {
        self.lock().process.peak_memory()
    }

    pub(crate) fn last_used(&self) -> u64 {
        self.lock().last_used
    }

    /// Whether a worker has answered and is about to come back for more.
    pub(crate) fn is_settling(&self) -> bool {
        let state = self.lock();
        state.phase == Phase::Ready && !state.retired && state.running.len() < state.reserved
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.lock().reserved == 0
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().phase == Phase::Exited
    }

    pub(crate) fn info(&self) -> EnvironmentInfo {
        let state = self.lock();
        EnvironmentInfo {
            function: self.settings.function.name.clone(),
            pid: state.process.id(),
            state: match state.phase {
                Phase::Init | Phase::InitFailed => EnvironmentState::Starting,
                _ if state.reserved > 0 => EnvironmentState::Busy,
                _ if state.process.frozen() => EnvironmentState::Frozen,
                _ => EnvironmentState::Idle,
            },
            invocations: state.invocations,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives events to the workers that wait for one.
    fn deliver(&mut self) {
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
