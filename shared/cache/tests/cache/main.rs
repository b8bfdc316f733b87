//! Tests of the cache with real servers: which records it serves, which it must not serve, and what
//! the operations cost.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helper functions of tests panic on every error"
)]

mod breaker;
mod concurrency;
mod cost;
mod counter;
mod fake;
mod hostile;
mod memory_stats;
mod outbox;
mod protocol;
mod refusal;
mod reshard;
mod server;
mod tls;
