//! Plain cache-aside, as it is usually implemented: `GET`, `SELECT`, `SETEX`, and `DEL` after a
//! write. Errors of Redis are ignored.
//!
//! The checker must find a violation of this target. If it found none, its other results would
//! prove nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use api_tests::TestApp;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, cmd};
use shared::db::{Db, PoolSize, Statement};
use shared::metrics::RequestMetrics;
use tokio::sync::Mutex;
use tokio_postgres::types::{ToSql, Type};

use super::{Failure, ReadResponse, Target};
use crate::user::{REGISTERS, Resource, User};

const PROFILE: Statement = Statement {
    name: "naive.profile",
    sql: "SELECT communication_style::bigint, (preferences ->> 'version')::bigint FROM user_profiles WHERE user_id = $1",
};
const JOURNAL: Statement = Statement {
    name: "naive.journal",
    sql: "SELECT (SELECT content::bigint FROM journal_entries WHERE id = $2), (SELECT content::bigint FROM journal_entries WHERE id = $3)
        FROM users WHERE id = $1",
};
/// Changes nothing if the stored version is newer, so that a repeated write never restores an older
/// version.
const WRITE_STYLE: Statement = Statement {
    name: "naive.style",
    sql: "UPDATE user_profiles SET communication_style = $2::bigint::text WHERE user_id = $1 AND communication_style::bigint < $2",
};
const WRITE_PREFERENCES: Statement = Statement {
    name: "naive.preferences",
    sql: "UPDATE user_profiles SET preferences = jsonb_build_object('version', $2::bigint)
        WHERE user_id = $1 AND (preferences ->> 'version')::bigint < $2",
};
const WRITE_ENTRY: Statement = Statement {
    name: "naive.entry",
    sql: "UPDATE journal_entries SET content = $2::bigint::text WHERE id = $1 AND content::bigint < $2",
};

/// The time limit for Redis, after which the database is queried.
const REDIS_TIMEOUT: Duration = Duration::from_millis(100);

/// Reads with `GET`, `SELECT` and `SETEX`, and writes with `UPDATE` and `DEL`.
pub struct Naive {
    db: Db,
    redis: redis::Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Naive {
    /// Creates a target that reaches the servers in the same way as the functions.
    ///
    /// # Errors
    /// A URL is invalid.
    pub fn new(kai: &TestApp) -> Result<Self> {
        let [database_url, redis_url] = kai.configured_urls();
        let size = PoolSize { kept: 8, overflow: 16 };
        let db = Db::new(&database_url.parse()?, size, Duration::from_secs(3600), Arc::new(RequestMetrics::default()))?;
        Ok(Self { db, redis: redis::Client::open(redis_url)?, connection: Mutex::default() })
    }

    async fn execute<T: FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        let mut connection = {
            let mut current = self.connection.lock().await;
            if current.is_none() {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(REDIS_TIMEOUT))
                    .set_response_timeout(Some(REDIS_TIMEOUT));
                *current = self.redis.get_multiplexed_async_connection_with_config(&config).await.ok();
            }
            current.clone()?
        };
        let reply = command.query_async(&mut connection).await;
        if reply.is_err() {
            *self.connection.lock().await = None;
        }
        reply.ok()
    }

    async fn select(&self, user: &User, resource: Resource) -> Result<[u64; REGISTERS], Failure> {
        let [first, second] = &user.entries;
        let rows = match resource {
            Resource::Profile => self.db.read(PROFILE, &[(&user.id, Type::UUID)]).await,
            Resource::Journal => {
                let params: [(&(dyn ToSql + Sync), Type); 3] =
                    [(&user.id, Type::UUID), (first, Type::UUID), (second, Type::UUID)];
                self.db.read(JOURNAL, &params).await
            }
        };
        let rows = rows.map_err(|_| Failure::Unavailable)?;
        let row = rows.first().ok_or_else(|| Failure::Unexpected("the query returned no row".to_owned()))?;
        let column = |number| row.try_get::<_, i64>(number).ok().and_then(|version| version.try_into().ok());
        match (column(0), column(1)) {
            (Some(first), Some(second)) => Ok([first, second]),
            _ => Err(Failure::Unexpected("a column does not contain a version".to_owned())),
        }
    }
}

impl Target for Naive {
    const NAME: &'static str = "naive";
    const HAS_SESSIONS: bool = false;

    async fn read(&self, user: &User, _token: &str, resource: Resource) -> Result<ReadResponse, Failure> {
        let key = key(user, resource);
        let cached: Option<Option<String>> = self.execute(cmd("GET").arg(&key)).await;
        let cached = cached.flatten().and_then(|text| {
            let (first, second) = text.split_once(' ')?;
            Some([first.parse().ok()?, second.parse().ok()?])
        });
        if let Some(versions) = cached {
            return Ok(ReadResponse { versions, hit: true });
        }
        let versions = self.select(user, resource).await?;
        let [first, second] = versions;
        let _: Option<()> = self.execute(cmd("SETEX").arg(&key).arg(300).arg(format!("{first} {second}"))).await;
        Ok(ReadResponse { versions, hit: false })
    }

    async fn write(&self, user: &User, resource: Resource, number: usize, version: u64) -> Result<(), Failure> {
        let (statement, id) = match (resource, number, user.entries.get(number)) {
            (Resource::Journal, _, Some(entry)) => (WRITE_ENTRY, entry),
            (_, 0, _) => (WRITE_STYLE, &user.id),
            _ => (WRITE_PREFERENCES, &user.id),
        };
        let version = i64::try_from(version).map_err(|_| Failure::Unavailable)?;
        let params: [(&(dyn ToSql + Sync), Type); 2] = [(id, Type::UUID), (&version, Type::INT8)];
        self.db.write(statement, &params).await.map_err(|_| Failure::Unavailable)?;
        let _: Option<()> = self.execute(cmd("DEL").arg(key(user, resource))).await;
        Ok(())
    }

    async fn sign_in(&self, _user: &User) -> Result<String, Failure> {
        Err(Failure::Unavailable)
    }

    async fn sign_out(&self, _token: &str) -> Result<(), Failure> {
        Err(Failure::Unavailable)
    }
}

impl fmt::Debug for Naive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Naive").finish_non_exhaustive()
    }
}

fn key(user: &User, resource: Resource) -> String {
    format!("naive:{resource:?}:{}", user.id)
}
