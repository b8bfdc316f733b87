//! The emulator against real programs: a fixture that speaks the runtime API by hand, and one on AWS's own runtime.

mod command;
mod cors;
mod event;
mod lifecycle;
mod limits;
mod lone;
mod reply;
mod runtime_api;
mod scaling;
mod support;
mod template;
