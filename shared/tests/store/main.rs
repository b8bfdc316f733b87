//! The store with a real database and a real Redis.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code outside of the test functions themselves"
)]

mod kai;
mod keys;
mod older;
mod outbox;
mod revocation;
mod wire;
