//! Kai as its clients and operators meet it: the real functions behind the emulator, with real servers.
//!
//! | item | holds |
//! |---|---|
//! | [`Kai`], [`Setup`] | one running system: its API, database, Redis and logs; and what it is made of |
//! | [`Client`], [`Person`] | who talks to it: nobody, or somebody who is signed in |
//! | [`Reply`] | what it answered |
//! | [`Model`] | a language model that does as it is told |
//! | [`Browser`] | a page in a browser without a window, and what happened on it |
//! | [`fake`] | a server of somebody else's, as far as a test needs it |
//! | [`emf`] | every metric line, as CloudWatch reads it; one that it would refuse ends the run |
//! | [`Proxy`] | what stands between the functions and a server: it counts, and it fails on demand |
//!
//! The tests are in `tests/it`, a module for each function and one for each property of the whole. `cargo xtask test` starts the
//! servers and runs them.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test harness reports by panicking")]

mod browser;
mod client;
pub mod cloudwatch;
pub mod emf;
pub mod fake;
mod kai;
mod model;
mod person;
mod proxy;
mod setup;

pub use browser::Browser;
pub use client::{Client, Reply, Request, assert_problem};
pub use kai::{Kai, new_token, template};
pub use model::{Model, Script};
pub use person::Person;
pub use proxy::{Protocol, Proxy, Traffic};
pub use setup::{PostgresChoice, RedisChoice, Setup};
