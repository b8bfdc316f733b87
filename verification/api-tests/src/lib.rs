//! Black-box tests of Kai. The functions run behind the emulator, with real servers.
//!
//! | item | contents |
//! |---|---|
//! | [`TestApp`], [`Setup`] | a running system and its configuration |
//! | [`Client`], [`TestUser`] | HTTP clients: without a session, and signed in |
//! | [`Request`], [`Response`] | the messages that the clients send and receive |
//! | [`Proxy`] | a proxy in front of a server, which records traffic and injects faults |
//! | [`StubModel`], [`stub_server`] | stubs of a language model and of other HTTP services |
//! | [`Browser`] | a page in a headless browser, and the events on it |
//! | [`openapi`] | the operations of the OpenAPI document, and the comparison of responses with it |
//! | [`emf`] | metric lines, parsed and validated with the rules of CloudWatch |
//! | [`cloudwatch`] | the metrics and alarms of `infra/monitoring.yaml` |
//!
//! The tests are in `tests/it`. There is a module for each function, and one for each property of
//! the whole system. `cargo xtask test` starts the servers and runs the tests.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test harness panics on every error"
)]

mod app;
mod backends;
mod browser;
mod client;
pub mod cloudwatch;
mod database;
pub mod emf;
mod inspect;
pub mod openapi;
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
