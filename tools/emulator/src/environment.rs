//! One execution environment: a process of the function, the events it handles, and its state.

mod dispatch;
mod extension;
mod info;
mod output;
mod process;
mod runtime;
mod state;
mod variables;

use std::collections::BTreeMap;
use std::mem;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use self::extension::Rejection;
pub use self::info::{EnvironmentInfo, EnvironmentState};
use self::output::Output;
use self::process::Process;
pub(crate) use self::process::{command, peak_memory};
pub(crate) use self::runtime::RequestStatus;
use self::state::{Phase, State};
pub(crate) use self::variables::{Identity, variables};
use crate::error::{Error, Result};
use crate::invocation::{FunctionError, random_hex};
use crate::log::{Log, LogSink, Stream};
use crate::template::{ACCOUNT, Function, REGION};

/// How long Lambda waits for a runtime to shut down when an internal extension is registered.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// An execution environment. Only [`Environment::info`] and [`Environment::has_exited`] are called
/// outside the emulator's own thread.
pub(crate) struct Environment {
    pub(crate) settings: Arc<Settings>,
    pub(crate) log: Log,
    outputs: [Output; 2],
    state: Mutex<State>,
    changed: Notify,
}

/// The settings that all environments of one function share.
pub(crate) struct Settings {
    pub(crate) function: Function,
    pub(crate) binary: PathBuf,
    pub(crate) variables: BTreeMap<String, String>,
    /// The number of events that one environment handles concurrently.
    pub(crate) concurrency: usize,
    pub(crate) freeze: bool,
    pub(crate) sink: LogSink,
}

impl Settings {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.function.function_name)
    }
}

impl Environment {
    /// Starts the program. One slot is reserved from the start, for an event that can be dispatched
    /// once [`Environment::ready`] returns.
    ///
    /// `serve` returns the future that serves the environment's Runtime API on the listener. The
    /// future is dropped when the program exits.
    pub(crate) fn start<Service>(
        settings: &Arc<Settings>,
        serve: impl FnOnce(Arc<Self>, TcpListener) -> Service,
    ) -> Result<Arc<Self>>
    where
        Service: Future<Output = ()> + Send + 'static,
    {
        let failed = |source| Error::Start { path: settings.binary.clone(), source };
        if !settings.binary.is_file() {
            return Err(Error::Binary {
                resource: settings.function.logical_id.clone(),
                path: settings.binary.clone(),
            });
        }
        let id = random_hex::<16>();
        let function = &settings.function;
        let log = Log { sink: Arc::clone(&settings.sink), function: function.name.clone(), environment: id.clone() };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let variables = variables(
            &settings.variables,
            &Identity {
                function_name: &function.function_name,
                memory_size: function.memory_size,
                log_group: &function.log_group,
                log_stream: &format!("{}/[$LATEST]{id}", Timestamp::now().strftime("%Y/%m/%d")),
                runtime_api: &listener.local_addr().map_err(failed)?.to_string(),
                binary: &settings.binary,
            },
        );
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let (stdout, stdout_writer) = Output::open(Stream::Stdout, log.clone()).map_err(failed)?;
        let (stderr, stderr_writer) = Output::open(Stream::Stderr, log.clone()).map_err(failed)?;
        let (process, child) =
            Process::spawn(&settings.binary, &variables, stdout_writer, stderr_writer).map_err(failed)?;
        let environment = Arc::new(Self {
            settings: Arc::clone(settings),
            log,
            outputs: [stdout, stderr],
            state: Mutex::new(State::new(process)),
            changed: Notify::new(),
        });
        let service = serve(Arc::clone(&environment), listener);
        Handle::current().spawn(Arc::clone(&environment).supervise(child, service));
        Ok(environment)
    }

    /// Runs the service and logs the output until the program exits.
    async fn supervise(self: Arc<Self>, mut child: Child, service: impl Future<Output = ()> + Send + 'static) {
        let mut services = JoinSet::new();
        services.spawn(service);
        let [stdout, stderr] = &self.outputs;
        let output = async { tokio::join!(stdout.run(), stderr.run()) };
        tokio::pin!(output);
        let status = tokio::select! {
            status = child.wait() => status,
            // A program that closes both outputs is still running.
            _ = &mut output => child.wait().await,
        };
        self.drain_output();
        self.outputs.iter().for_each(Output::finish);
        self.handle_exit(status.ok());
    }

    fn handle_exit(&self, status: Option<ExitStatus>) {
        let mut state = self.lock();
        state.process.mark_exited();
        let reason = match status {
            Some(status) if status.success() => "Runtime exited without providing a reason".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
                (None, Some(signal)) => format!("Runtime exited with error: signal: {signal}"),
                (None, None) => "Runtime exited with error".to_owned(),
            },
            None => "Runtime exited with error".to_owned(),
        };
        for (id, running) in mem::take(&mut state.running) {
            let error = FunctionError::new("Runtime.ExitError", format!("RequestId: {id} Error: {reason}"));
            let _ = running.outcome.send(Err(error));
        }
        state.responded.clear();
        state.failure.get_or_insert_with(|| FunctionError::new("Runtime.ExitError", format!("Error: {reason}")));
        state.phase = Phase::Exited;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until the program requests its first event. Fails if it reports an error or exits
    /// instead.
    pub(crate) async fn ready(&self) -> Result<(), FunctionError> {
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

    /// Waits until the program has exited.
    pub(crate) async fn exited(&self) {
        loop {
            let changed = self.changed.notified();
            if self.has_exited() {
                return;
            }
            changed.await;
        }
    }

    /// Ends the program with SIGKILL. As on Lambda, SIGTERM precedes it only if an extension is
    /// registered.
    pub(crate) async fn shut_down(&self) {
        let terminating = {
            let mut state = self.lock();
            let has_extension = !state.extensions.is_empty();
            if has_extension {
                state.process.terminate();
            }
            has_extension
        };
        if terminating {
            let _ = timeout(SHUTDOWN_TIMEOUT, self.exited()).await;
        }
        self.kill();
        self.exited().await;
    }

    /// Ends a program that did not become ready. A program that reported an error has time to exit
    /// by itself, so that its last output is not lost.
    pub(crate) async fn abandon(&self) {
        if self.lock().phase == Phase::InitFailed {
            let _ = timeout(SHUTDOWN_TIMEOUT, self.exited()).await;
        }
        self.kill();
        self.exited().await;
    }

    pub(crate) fn kill(&self) {
        self.lock().process.kill();
    }

    /// Logs the complete lines that the function has printed so far.
    pub(crate) fn drain_output(&self) {
        self.outputs.iter().for_each(Output::drain);
    }

    pub(crate) fn peak_memory(&self) -> u64 {
        self.lock().process.peak_memory()
    }

    pub(crate) fn has_exited(&self) -> bool {
        self.lock().phase == Phase::Exited
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
