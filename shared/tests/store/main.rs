//! Tests of the store with a real database and a real Redis.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helper functions of tests panic on every error"
)]

mod kai;
mod keys;
mod older;
mod outbox;
mod revocation;
mod wire;
