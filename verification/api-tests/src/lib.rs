//! Black-box tests of Kai: the real functions behind the emulator, with real servers.
//!
//! | item | contents |
//! |---|---|
//! | [`TestApp`], [`Setup`] | a running system (API, database, Redis and logs) and its configuration |
//! | [`Client`], [`TestUser`] | an HTTP client without a session, and one that is signed in |
//! | [`Request`], [`Response`] | what the clients send and receive |
//! | [`Proxy`] | a proxy between the functions and a server, which counts traffic and injects faults |
//! | [`StubModel`], [`stub_server`] | a language model and other HTTP services that answer as a test asks them to |
//! | [`Browser`] | a page in a headless browser, and everything that happened on it |
//! | [`emf`] | metric lines as CloudWatch parses them; a line that it would reject ends the run |
//! | [`cloudwatch`] | the metrics and alarms of `infra/monitoring.yaml`, evaluated as CloudWatch does |
//!
//! The tests are in `tests/it`: one module for each function, and one for each property of the
//! whole system. `cargo xtask test` starts the servers and runs the tests.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test harness reports by panicking")]

mod app;
mod backends;
mod browser;
mod client;
pub mod cloudwatch;
mod database;
pub mod emf;
mod inspect;
mod proxy;
mod response;
mod setup;
mod stub_model;
pub mod stub_server;
mod token;
mod user;
mod users;
mod wait;

pub use app::{TestApp, template};
pub use browser::Browser;
pub use client::{Client, Request, send_all};
pub use database::with_connection;
pub use proxy::{Protocol, Proxy, Traffic};
pub use response::{Response, assert_problem, entry_ids, entry_path, member_names, sorted_statuses};
pub use setup::{PostgresChoice, RedisChoice, Setup};
pub use stub_model::{ModelResponse, StubModel};
pub use token::{new_token, token_hash};
pub use user::{TestUser, unique_email};
pub use wait::wait_until;
