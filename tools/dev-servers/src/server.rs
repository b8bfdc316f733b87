//! The kinds of servers.

use std::fmt;

/// A kind of server that this crate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    /// The database server, from version 13.
    Postgres,
    /// The cache: Redis from version 7.0, or Valkey.
    Redis,
    /// A transaction pooler for Postgres.
    PgBouncer,
    /// A headless browser, which is controlled over a socket.
    Chromium,
}

impl Server {
    /// Returns the names of the executable, the preferred name first.
    pub(crate) fn executable_names(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres"],
            Self::Redis => &["redis-server", "valkey-server"],
            Self::PgBouncer => &["pgbouncer"],
            Self::Chromium => {
                &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "Google Chrome", "Chromium"]
            }
        }
    }

    /// Returns the oldest supported major version.
    ///
    /// [`Admin::drop_database`](crate::postgres::Admin::drop_database) uses `WITH (FORCE)`, which
    /// requires Postgres 13. The cache opens a generation with `SET … NX GET`, which requires Redis
    /// 7.0. Ubuntu's package of Chromium has version 85 and contains no browser.
    pub(crate) fn min_major_version(self) -> u32 {
        match self {
            Self::Postgres => 13,
            Self::Redis => 7,
            Self::PgBouncer => 1,
            Self::Chromium => 112,
        }
    }

    /// Returns the container image with the executable, if there is an official image that needs no
    /// further setup.
    pub(crate) fn docker_image(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("postgres:17-alpine"),
            Self::Redis => Some("redis:7-alpine"),
            Self::PgBouncer | Self::Chromium => None,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "Postgres",
            Self::Redis => "Redis",
            Self::PgBouncer => "PgBouncer",
            Self::Chromium => "Chromium",
        })
    }
}
