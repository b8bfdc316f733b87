//! One invocation from its first log line to its last.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Pool, Slot};
use crate::environment::Environment;
use crate::invocation::{Event, FunctionError, InvocationError};
use crate::log::Report;

/// How long Lambda lets a program initialise before it starts it again, under the function's own timeout.
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_LIMIT: Duration = Duration::from_secs(10);

type Outcome = Result<Bytes, FunctionError>;

/// An environment that is ready for the event.
struct Ready {
    environment: Arc<Environment>,
    /// How long its start took, where the start was not part of the invocation.
    init: Option<Duration>,
    deadline: Instant,
}

impl Pool {
    /// Runs the function and tells `reply` the outcome as soon as it is known.
    pub(super) async fn run(self: Arc<Self>, slot: Slot, event: Event, reply: oneshot::Sender<Outcome>) {
        let ready = match slot {
            Slot::Warm(environment) => {
                Ok(Ready { environment, init: None, deadline: Instant::now() + self.settings.function.timeout })
            }
            Slot::Cold(environment) => self.initialise(environment, &event.request_id).await,
        };
        // The caller may be gone, which is its own affair.
        match ready {
            Err(failure) => drop(reply.send(Err(failure))),
            Ok(ready) => self.complete(ready, event, reply).await,
        }
        self.released.notify_waiters();
    }

    async fn complete(&self, ready: Ready, event: Event, reply: oneshot::Sender<Outcome>) {
        let Ready { environment, init, deadline } = ready;
        let id = event.request_id.clone();
        let log = &environment.log;
        log.platform(format!("START RequestId: {id} Version: $LATEST"));
        let started = Instant::now();
        let invocation = environment.dispatch(event, deadline);
        let outcome = timeout_at(deadline, invocation.outcome).await;
        let duration = started.elapsed();
        let answered = outcome.is_ok();
        let (outcome, failure) = self.judge(&environment, &id, outcome.map(Result::ok));
        let peak_memory = environment.peak_memory();
        drop(reply.send(outcome));
        // What the function does after its answer counts against its timeout too.
        let settled = answered && timeout_at(deadline, invocation.settled).await.is_ok_and(|settled| settled.is_ok());
        environment.drain();
        log.platform(format!("END RequestId: {id}"));
        let report = Report {
            request_id: &id,
            duration,
            init,
            memory_size: self.settings.function.memory_size,
            peak_memory: peak_memory.max(environment.peak_memory()),
            failure: failure.as_deref(),
        };
        log.platform(report.to_string());
        if !settled {
            self.forget(&environment);
            environment.kill();
        } else if environment.release() {
            self.forget(&environment);
            environment.shut_down().await;
        }
    }

    /// The outcome for the caller, and what the report says about a failure. Lambda logs its own errors; those that the
    /// function reports are the function's to log.
    fn judge(
        &self,
        environment: &Environment,
        id: &str,
        outcome: Result<Option<Outcome>, tokio::time::error::Elapsed>,
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
            Ok(None) => (Err(FunctionError::new("Sandbox.Failure", "Error: the emulator is ending")), None),
            Err(_) => {
                let message = timed_out(self.settings.function.timeout);
                let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
                environment.log.platform(format!("{now} {id} {message}"));
                let error = FunctionError::new("Sandbox.Timedout", format!("RequestId: {id} Error: {message}"));
                (Err(error), Some("timeout".to_owned()))
            }
        }
    }

    /// Waits until a new environment is ready. One that fails, or takes too long, is replaced by a second one, which starts
    /// under the function's timeout as part of the invocation.
    async fn initialise(&self, environment: Arc<Environment>, request_id: &str) -> Result<Ready, FunctionError> {
        let limit = self.settings.function.timeout;
        let started = Instant::now();
        let failed = timeout(INIT_LIMIT, environment.ready()).await;
        let init = started.elapsed();
        if let Ok(Ok(())) = failed {
            return Ok(Ready { environment, init: Some(init), deadline: Instant::now() + limit });
        }
        self.give_up(&environment, "init", init, &failed).await;

        let environment = match self.cold(&mut self.lock()) {
            Ok(Slot::Cold(environment) | Slot::Warm(environment)) => environment,
            Err(InvocationError::Function(failure)) => return Err(failure),
            Err(other) => return Err(FunctionError::new("Sandbox.Failure", other.to_string())),
        };
        let deadline = Instant::now() + limit;
        let failed = timeout_at(deadline, environment.ready()).await;
        if let Ok(Ok(())) = failed {
            return Ok(Ready { environment, init: None, deadline });
        }
        self.give_up(&environment, "invoke", limit - deadline.saturating_duration_since(Instant::now()), &failed).await;
        Err(match failed {
            Ok(Err(failure)) => failure,
            _ => FunctionError::new("Sandbox.Timedout", format!("RequestId: {request_id} Error: {}", timed_out(limit))),
        })
    }

    async fn give_up<T>(
        &self,
        environment: &Arc<Environment>,
        phase: &str,
        duration: Duration,
        failed: &Result<Result<(), FunctionError>, T>,
    ) {
        self.forget(environment);
        environment.give_up().await;
        let status = match failed {
            Ok(Err(failure)) => format!("error\tError Type: {}", failure.error_type),
            _ => "timeout".to_owned(),
        };
        let milliseconds = duration.as_secs_f64() * 1e3;
        environment
            .log
            .platform(format!("INIT_REPORT Init Duration: {milliseconds:.2} ms\tPhase: {phase}\tStatus: {status}"));
    }
}

fn timed_out(limit: Duration) -> String {
    format!("Task timed out after {:.2} seconds", limit.as_secs_f64())
}
