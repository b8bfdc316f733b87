//! The emulator against real programs: a fixture that speaks the runtime API by hand, and one on AWS's own runtime.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise"
)]

mod command;
mod cors;
mod delivery;
mod event;
mod lifecycle;
mod limits;
mod lone;
mod reply;
mod runtime_api;
mod scaling;
mod support;
mod tables;
mod template;
