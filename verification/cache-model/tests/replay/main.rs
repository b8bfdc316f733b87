//! The counter-examples of the model, replayed step by step with the real code and real servers.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helper functions of tests panic on every error"
)]

mod actor;
mod counter_examples;
mod fixture;
mod gate;
mod history;
mod mutant;
mod participants;
mod random_walks;
mod replay;
mod request;
mod scenarios;
mod scheduler;
mod worker;
mod writes;
