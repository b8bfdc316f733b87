//! Development servers: Postgres, Redis and PgBouncer, and a browser for tests.
//!
//! | module | contents |
//! |---|---|
//! | [`install`] | the search for the servers' executables, and the installation of missing ones |
//! | [`postgres`] | a Postgres server, and the databases in it |
//! | [`explain`] | the plan of a statement, as Postgres prints it |
//! | [`redis`] | a Redis server, a Redis Cluster, with or without TLS |
//! | [`pgbouncer`] | a transaction pooler in front of a Postgres |
//! | [`browser`] | a headless Chromium |
//!
//! Every server listens only on the loopback interface, on a port that differs from the standard
//! ones, and has its files in the directory that it is given. It is stopped when its value is
//! dropped. On Linux it also ends when this process is killed. The functions that start and stop
//! servers block the calling thread, for seconds at most.

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
