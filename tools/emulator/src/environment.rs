//! One execution environment: a process of the function, what it waits for, and what it is working on.

mod extension;
mod output;
mod process;
mod runtime;
mod slot;
mod state;
mod variables;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::process::Child;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub(crate) use self::extension::Refusal;
use self::output::Output;
use self::process::Process;
pub(crate) use self::process::{command, peak_memory};
pub use self::slot::{EnvironmentInfo, EnvironmentState};
use self::state::{Phase, State};
pub(crate) use self::variables::{Identity, variables};
use crate::error::{Error, Result};
use crate::invocation::{FunctionError, random_hex};
use crate::log::{Log, LogSink, Stream};
use crate::runtime_api;
use crate::template::{ACCOUNT, Function, REGION};

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
                log_group: &function.log_group,
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
            state: Mutex::new(State::new(process)),
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

    /// Ends a program that did not start. One that reported why may say its last words first.
    pub(crate) async fn give_up(&self) {
        if self.lock().phase == Phase::InitFailed {
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

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().phase == Phase::Exited
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
