//! A model of the cache protocol, guarded generations: every interleaving of two writers and three
//! readers of one record, with one kind of fault at a time.
//!
//! The implementation is in `shared::cache` and `shared::domain`. The steps of the model have the
//! names of the functions that perform them, see [`action`]. The checked promise is: a read that
//! begins after a write was acknowledged, or after a writer that had committed crashed, never
//! returns an older version. The promise holds at once, except for a write that could not be
//! announced: there it holds as soon as the row of the write has left the outbox. Each mutant of
//! the protocol must break the promise; otherwise the model would prove nothing.
//!
//! Commands take effect one after the other, as they do for one key on one node of Redis. The model
//! leaves out what the protocol does not promise: a marker that expires before its statement has
//! ended (the time-outs of the database prevent that), a failover that loses data, and reads from a
//! replica.

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
