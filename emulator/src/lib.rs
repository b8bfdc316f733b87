//! Runs the Lambda functions of a SAM template on this machine.
//!
//! An [`Emulator`] puts the HTTP API of the template in front (payload format 2.0, with the gateway's limits and error texts)
//! and speaks the Lambda Runtime API behind. The functions are the real binaries, each in execution environments as on
//! Lambda: one request at a time, frozen while idle, killed at the timeout, replaced after a crash. A [`LoneEnvironment`] is
//! one such environment without anything around it, for benches.
//!
//! Not emulated: authorisers, custom domains, response streaming, layers, memory and processor limits, retries of
//! asynchronous invocations, `cron` schedules.

mod body;
mod emulator;
mod environment;
mod error;
mod gateway;
mod invocation;
mod log;
mod lone;
mod pool;
mod runtime_api;
mod schedule;
mod template;

pub use emulator::{Emulator, Options};
pub use environment::{EnvironmentInfo, EnvironmentState};
pub use error::{Error, Result};
pub use invocation::{FunctionError, InvocationError, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
pub use log::{LogBuffer, LogLine, LogSink, Stream};
pub use lone::{LoneEnvironment, LoneOptions};
pub use template::{Api, Cors, Function, Route, Schedule, Template, Throttle, Variable};
