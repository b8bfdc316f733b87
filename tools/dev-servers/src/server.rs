//! The kinds of servers.

use std::fmt;

/// A kind of server that this crate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    /// The database.
    Postgres,
    /// The cache: Redis from 7.0, or Valkey.
    Redis,
    /// The transaction pooler.
    PgBouncer,
    /// A headless browser, which is driven over a socket.
    Chromium,
}

impl Server {
    /// Returns the names of the executable, the preferred one first.
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

    /// Returns the oldest major version that is supported. Postgres 13 is the oldest that is still
    /// maintained. `SET … NX GET`, with which a read opens a generation, came with Redis 7.0.
    /// Ubuntu's package of Chromium, whose number is 85, contains no browser.
    pub(crate) fn min_major_version(self) -> u32 {
        match self {
            Self::Postgres => 13,
            Self::Redis => 7,
            Self::PgBouncer => 1,
            Self::Chromium => 112,
        }
    }

    /// Returns the container image that contains the executable, if there is an official one that
    /// needs no further set-up.
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
