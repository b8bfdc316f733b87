//! The emulator with real programs: a fixture that implements the Runtime API by hand, and a
//! function on AWS's own runtime.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test panics on every error"
)]

mod client;
mod command;
mod cors;
mod dynamodb;
mod event;
mod execution;
mod init;
mod lifecycle;
mod limits;
mod log_delivery;
mod replacement;
mod response;
mod runtime_api;
mod scaling;
mod shutdown;
mod single_environment;
mod template;
mod test_emulator;
mod wait;
