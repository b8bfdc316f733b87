//! Postgres, Redis and PgBouncer of our own; and a browser, for tests.
//!
//! | module | holds |
//! |---|---|
//! | [`install`] | finding the servers' programs, and installing them when they are missing |
//! | [`postgres`] | a Postgres server, and the databases in it |
//! | [`plan`] | what Postgres does for a statement, as it tells it itself |
//! | [`redis`] | a Redis server, a Redis Cluster, with or without TLS |
//! | [`pgbouncer`] | a transaction pooler in front of a Postgres |
//! | [`browser`] | a Chromium without a window |
//!
//! Every server listens on the loopback interface alone, on a port away from the standard ones, and keeps its files in the
//! folder that it is given. It is stopped when its value is dropped; on Linux it also ends when this process is killed.
//! The functions that start and stop block the calling thread, for seconds at most.

mod account;
pub mod browser;
mod certificate;
mod error;
mod folder;
pub mod install;
pub mod pgbouncer;
pub mod plan;
mod port;
pub mod postgres;
mod process;
pub mod program;
pub mod redis;
pub mod testing;

pub use browser::Browser;
pub use error::{Error, Result};
pub use pgbouncer::PgBouncer;
pub use plan::Plan;
pub use postgres::{Postgres, PostgresOptions};
pub use program::Server;
pub use redis::{Redis, RedisCluster, RedisOptions};
