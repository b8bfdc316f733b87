//! A model of the cache protocol, guarded generations. It covers every interleaving of two writers
//! and three readers of one record, with one kind of fault at a time.
//!
//! The implementation is in the crates `cache` and `domain`. The steps of the model have the names
//! of the functions that perform them, see [`action`].
//!
//! The model checks this promise: a read that begins after a write was acknowledged, or after its
//! writer committed and then crashed, never returns an older version. The promise takes effect at
//! once, except for a write that could not be announced. For such a write, it takes effect as soon
//! as the row of the write has left the outbox. Each mutant of the protocol must break the promise.
//! Otherwise the model would prove nothing.
//!
//! Redis executes the commands on one key one after the other. The model leaves out the situations
//! for which the protocol makes no promise:
//!
//! * A marker expires before its statement has ended. The time-outs of the database prevent that.
//! * A failover loses data.
//! * A read is served by a replica.

#![expect(clippy::indexing_slicing, reason = "actions only name readers and writers that exist")]

pub mod action;
mod canonical;
pub mod check;
pub mod fault;
mod guard;
mod model;
pub mod mutant;
mod outbox;
pub mod protocol;
mod reader;
pub mod state;
mod writer;
