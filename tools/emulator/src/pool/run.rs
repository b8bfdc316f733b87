//! One invocation, from its first log line to its last.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Pool, Slot};
use crate::environment::Environment;
use crate::invocation::{Event, FunctionError, InvocationError, Outcome};
use crate::log::Report;

/// How long Lambda waits for a program to initialise. Lambda then starts the program again, within
/// the function's own timeout.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// An environment that is ready for an event.
struct Ready {
    environment: Arc<Environment>,
    /// The duration of the start. `None` if the environment was warm, or if the start was part of
    /// the invocation.
    init_duration: Option<Duration>,
    deadline: Instant,
}

impl Pool {
    /// Invokes the function, and sends the outcome to `reply` as soon as it is known.
    pub(super) async fn run(self: Arc<Self>, slot: Slot, event: Event, reply: oneshot::Sender<Outcome>) {
        let ready = match slot {
            Slot::Warm(environment) => Ok(Ready {
                environment,
                init_duration: None,
                deadline: Instant::now() + self.settings.function.timeout,
            }),
            Slot::Cold(environment) => self.initialise(environment, &event.request_id).await,
        };
        // Sending fails if the caller has dropped its future. The invocation continues
        // nevertheless.
        match ready {
            Err(failure) => drop(reply.send(Err(failure))),
            Ok(ready) => self.complete(ready, event, reply).await,
        }
        self.released.notify_waiters();
    }

    async fn complete(&self, ready: Ready, event: Event, reply: oneshot::Sender<Outcome>) {
        let Ready { environment, init_duration, deadline } = ready;
        let id = event.request_id.clone();
        let log = &environment.log;
        log.platform(format!("START RequestId: {id} Version: $LATEST"));
        let started = Instant::now();
        let dispatched = environment.dispatch(event, deadline);
        let outcome = timeout_at(deadline, dispatched.outcome).await;
        let duration = started.elapsed();
        let responded = outcome.is_ok();
        let (outcome, failure) = self.resolve_outcome(&environment, &id, outcome.map(Result::ok));
        let peak_memory = environment.peak_memory();
        drop(reply.send(outcome));
        // The function's work after its response also counts against its timeout.
        let completed =
            responded && timeout_at(deadline, dispatched.completed).await.is_ok_and(|completed| completed.is_ok());
        environment.drain_output();
        log.platform(format!("END RequestId: {id}"));
        let report = Report {
            request_id: &id,
            duration,
            init: init_duration,
            memory_size: self.settings.function.memory_size,
            peak_memory: peak_memory.max(environment.peak_memory()),
            failure: failure.as_deref(),
        };
        log.platform(report.to_string());
        if !completed {
            self.remove(&environment);
            environment.kill();
        } else if environment.release() {
            self.remove(&environment);
            environment.shut_down().await;
        }
    }

    /// Returns the outcome for the caller and the error type for the report. Logs only the errors
    /// that Lambda itself detects. Functions log the errors that they report.
    fn resolve_outcome(
        &self,
        environment: &Environment,
        id: &str,
        outcome: Result<Option<Outcome>, Elapsed>,
    ) -> (Outcome, Option<String>) {
        match outcome {
            Ok(Some(Ok(payload))) => (Ok(payload), None),
            Ok(Some(Err(error))) => {
                if error.error_type == "Runtime.ExitError" {
                    environment.log.platform(error.message());
                    environment.log.platform("Runtime.ExitError");
                }
                let error_type = error.error_type.clone();
                (Err(error), Some(error_type))
            }
            Ok(None) => (Err(FunctionError::new("Sandbox.Failure", "Error: the emulator is shutting down")), None),
            Err(_) => {
                let message = timeout_message(self.settings.function.timeout);
                let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
                environment.log.platform(format!("{now} {id} {message}"));
                let error = FunctionError::new("Sandbox.Timedout", format!("RequestId: {id} Error: {message}"));
                (Err(error), Some("timeout".to_owned()))
            }
        }
    }

    /// Waits until a new environment is ready. If it fails or takes too long, a second environment
    /// replaces it. The start of the second one is part of the invocation and counts against the
    /// function's timeout.
    async fn initialise(&self, environment: Arc<Environment>, request_id: &str) -> Result<Ready, FunctionError> {
        let limit = self.settings.function.timeout;
        let started = Instant::now();
        let readiness = timeout(INIT_TIMEOUT, environment.ready()).await;
        let duration = started.elapsed();
        if let Ok(Ok(())) = readiness {
            return Ok(Ready { environment, init_duration: Some(duration), deadline: Instant::now() + limit });
        }
        self.abandon(&environment, "init", duration, &readiness).await;

        let environment = match self.start_cold(&mut self.lock()) {
            Ok(Slot::Cold(environment) | Slot::Warm(environment)) => environment,
            Err(InvocationError::Function(failure)) => return Err(failure),
            Err(other) => return Err(FunctionError::new("Sandbox.Failure", other.to_string())),
        };
        let deadline = Instant::now() + limit;
        let readiness = timeout_at(deadline, environment.ready()).await;
        if let Ok(Ok(())) = readiness {
            return Ok(Ready { environment, init_duration: None, deadline });
        }
        self.abandon(&environment, "invoke", limit - deadline.saturating_duration_since(Instant::now()), &readiness)
            .await;
        Err(match readiness {
            Ok(Err(failure)) => failure,
            _ => FunctionError::new(
                "Sandbox.Timedout",
                format!("RequestId: {request_id} Error: {}", timeout_message(limit)),
            ),
        })
    }

    async fn abandon<T>(
        &self,
        environment: &Arc<Environment>,
        phase: &str,
        duration: Duration,
        readiness: &Result<Result<(), FunctionError>, T>,
    ) {
        self.remove(environment);
        environment.abandon().await;
        let status = match readiness {
            Ok(Err(failure)) => format!("error\tError Type: {}", failure.error_type),
            _ => "timeout".to_owned(),
        };
        let milliseconds = duration.as_secs_f64() * 1e3;
        environment
            .log
            .platform(format!("INIT_REPORT Init Duration: {milliseconds:.2} ms\tPhase: {phase}\tStatus: {status}"));
    }
}

fn timeout_message(limit: Duration) -> String {
    format!("Task timed out after {:.2} seconds", limit.as_secs_f64())
}
