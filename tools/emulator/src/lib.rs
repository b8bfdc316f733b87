//! Runs the Lambda functions of a SAM template on this machine.
//!
//! An [`Emulator`] serves the HTTP API of the template (payload format 2.0, with the gateway's
//! limits and error texts) and the Lambda Runtime API. The functions are the real binaries, in
//! execution environments as on Lambda. An environment handles one request at a time unless
//! `AWS_LAMBDA_MAX_CONCURRENCY` allows more. It is frozen while idle, killed at the timeout and
//! replaced after a crash. A [`SingleEnvironment`] is one environment without a gateway or a pool,
//! for benchmarks.
//!
//! The emulator also serves the template's `DynamoDB` tables, and invokes functions on schedules
//! and with messages of queues. It delivers log lines to the functions that subscribe to them.
//!
//! The emulator does not support authorizers, custom domains, response streaming, layers, memory
//! and CPU limits, `cron` schedules, or destinations other than queues. It does not send the
//! control message with which CloudWatch Logs tests a new subscription.

mod async_invoke;
mod dynamodb;
mod emulator;
mod environment;
mod error;
mod filter;
mod gateway;
mod invocation;
mod limited_body;
mod log;
mod log_delivery;
mod pool;
mod queue;
mod runtime_api;
mod schedule;
mod single_environment;
mod template;

pub use emulator::{Emulator, Options};
pub use environment::{EnvironmentInfo, EnvironmentState};
pub use error::{Error, Result};
pub use filter::Pattern;
pub use invocation::{FunctionError, InvocationError, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
pub use log::{LogBuffer, LogLine, LogSink, Stream};
pub use single_environment::{SingleEnvironment, SingleEnvironmentOptions};
pub use template::{
    Api, Asynchronous, Cors, Document, Function, Queue, QueueSource, Resource, Route, Schedule, Subscription, Table,
    Template, Throttle, Variable,
};
