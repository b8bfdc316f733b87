//! Postgres, Redis, PgBouncer and a browser for development and tests.
//!
//! | module | contents |
//! |---|---|
//! | [`install`] | the installation of missing servers |
//! | [`postgres`] | a Postgres server, and the databases in it |
//! | [`explain`] | the plan of a statement, as Postgres prints it |
//! | [`redis`] | a Redis server, with or without TLS, and a Redis Cluster |
//! | [`pgbouncer`] | a transaction pooler in front of a Postgres server |
//! | [`browser`] | a headless Chromium |
//! | [`testing`] | servers for tests |
//!
//! Every server listens only on the loopback interface, on a port that differs from the standard
//! ports. Its files are in the directory that the caller specifies. Dropping its value stops the
//! server. On Linux, the server also ends when this process is killed. The functions that start and
//! stop servers block the calling thread, usually for seconds. A start may take up to a minute.

pub mod browser;
mod certificate;
mod error;
mod executable;
pub mod explain;
pub mod install;
pub mod pgbouncer;
mod port;
pub mod postgres;
mod process;
pub mod redis;
mod server;
mod server_dir;
pub mod testing;
mod unprivileged_user;

pub use browser::Browser;
pub use error::{Error, Result};
pub use explain::QueryPlan;
pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, PostgresOptions};
pub use redis::{Redis, RedisCluster, RedisOptions};
pub use server::Server;
