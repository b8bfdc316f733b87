//! Runs the Lambda functions of a SAM template on this machine.
//!
//! An [`Emulator`] puts the HTTP API of the template in front (payload format 2.0, with the gateway's limits and error texts)
//! and speaks the Lambda Runtime API behind. The functions are the real binaries, each in execution environments as on
//! Lambda: one request at a time, frozen while idle, killed at the timeout, replaced after a crash. A [`LoneEnvironment`] is
//! one such environment without anything around it, for benches.
//!
//! Behind the functions are the template's tables of `DynamoDB`, and its queues as far as they stand between functions. What functions print is
//! delivered to the functions that have subscribed to it.
//!
//! Not emulated: authorisers, custom domains, response streaming, layers, memory and processor limits, `cron` schedules,
//! destinations other than queues, the message by which CloudWatch Logs tries a new subscription.

mod asynchronous;
mod body;
mod emulator;
mod environment;
mod error;
mod filter;
mod gateway;
mod invocation;
mod log;
mod lone;
mod pool;
mod queue;
mod runtime_api;
mod schedule;
mod subscription;
mod tables;
mod template;

pub use emulator::{Emulator, Options};
pub use environment::{EnvironmentInfo, EnvironmentState};
pub use error::{Error, Result};
pub use filter::Pattern;
pub use invocation::{FunctionError, InvocationError, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
pub use log::{LogBuffer, LogLine, LogSink, Stream};
pub use lone::{LoneEnvironment, LoneOptions};
pub use template::{
    Api, Asynchronous, Cors, Document, Function, Queue, QueueSource, Resource, Route, Schedule, Subscription, Table,
    Template, Throttle, Variable,
};
