//! The counter-examples of the model, step by step, with the real code and real servers.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code outside of the test functions themselves"
)]

mod actor;
mod board;
mod cast;
mod found;
mod gate;
mod known;
mod mutant;
mod postgres;
mod redis_gate;
mod replay;
mod request;
mod resp;
mod stage;
mod verdict;
mod walks;
mod writes;
