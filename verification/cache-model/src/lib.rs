//! The cache protocol, guarded generations, in every interleaving of two writers and three readers of one record, one fault at a time.
//!
//! `shared::cache` and `shared::store` do what is modelled here; the steps bear the names of their functions, see [`action`]. What is checked:
//! a read that begins after a write was acknowledged, or after a writer died that had committed, never returns anything older, once the stated
//! bound has passed: at once, but for a write that could not be announced, which is finished when its row has left the outbox. Each mutant
//! of the protocol must break that promise, or the model would prove nothing.
//!
//! Commands take effect one after the other, as they do on one node of Redis for one key. Not modelled, and not promised: a marker that
//! lapses before its statement has ended (the time-outs of the database see to it), a failover that forgets, reads from a replica.

#![expect(clippy::indexing_slicing, reason = "actions name readers and writers that there are")]

pub mod action;
mod canonical;
pub mod check;
pub mod fault;
mod guard;
pub mod mutant;
mod outbox;
pub mod protocol;
mod reader;
pub mod state;
mod writer;
