//! Cache-aside as it is usually written: `GET`, `SELECT`, `SETEX`; and after a write `DEL`. Errors of Redis are swallowed.
//!
//! It has to be caught: a check that finds nothing here would find nothing anywhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use api_tests::TestApp;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, cmd};
use shared::db::{Db, PoolSize, Statement};
use shared::metrics::Meter;
use tokio::sync::Mutex;
use tokio_postgres::types::Type;

use super::{Arm, Failure};
use crate::checker::Answer;
use crate::subject::{Document, REGISTERS, Subject};

const PROFILE: Statement = Statement {
    name: "naive.profile",
    sql: "SELECT communication_style::bigint, (preferences ->> 'version')::bigint FROM user_profiles WHERE user_id = $1",
};
const JOURNAL: Statement = Statement {
    name: "naive.journal",
    sql: "SELECT (SELECT content::bigint FROM journal_entries WHERE id = $2), (SELECT content::bigint FROM journal_entries WHERE id = $3)
        FROM users WHERE id = $1",
};
/// None of the writes goes back to an older version, however often it is sent.
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

/// How long Redis may take before the database answers.
const PATIENCE: Duration = Duration::from_millis(100);

/// Reads and writes with three commands and two statements.
pub struct Naive {
    db: Db,
    redis: redis::Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Naive {
    /// Reaches the servers as the functions do.
    ///
    /// # Errors
    /// The URLs are not what they should be.
    pub fn new(kai: &TestApp) -> Result<Self> {
        let [database_url, redis_url] = kai.configured_urls();
        let size = PoolSize { kept: 8, overflow: 16 };
        let db = Db::new(&database_url.parse()?, size, Duration::from_secs(3600), Arc::new(Meter::default()))?;
        Ok(Self { db, redis: redis::Client::open(redis_url)?, connection: Mutex::default() })
    }

    async fn run<T: FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        let mut connection = {
            let mut held = self.connection.lock().await;
            if held.is_none() {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PATIENCE))
                    .set_response_timeout(Some(PATIENCE));
                *held = self.redis.get_multiplexed_async_connection_with_config(&config).await.ok();
            }
            held.clone()?
        };
        let reply = command.query_async(&mut connection).await;
        if reply.is_err() {
            *self.connection.lock().await = None;
        }
        reply.ok()
    }

    async fn select(&self, subject: &Subject, document: Document) -> Result<[u64; REGISTERS], Failure> {
        let [first, second] = &subject.entries;
        let rows = match document {
            Document::Profile => self.db.read(PROFILE, &[(&subject.id, Type::UUID)]).await,
            Document::Journal => {
                let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
                    [(&subject.id, Type::UUID), (first, Type::UUID), (second, Type::UUID)];
                self.db.read(JOURNAL, &params).await
            }
        };
        let rows = rows.map_err(|_| Failure::Unavailable)?;
        let row = rows.first().ok_or_else(|| Failure::Unexpected("no row".to_owned()))?;
        let column = |number| row.try_get::<_, i64>(number).ok().and_then(|version| version.try_into().ok());
        match (column(0), column(1)) {
            (Some(first), Some(second)) => Ok([first, second]),
            _ => Err(Failure::Unexpected("no versions".to_owned())),
        }
    }
}

impl Arm for Naive {
    const NAME: &'static str = "naive";
    const HAS_SESSIONS: bool = false;

    async fn read(&self, subject: &Subject, _token: &str, document: Document) -> Result<Answer, Failure> {
        let key = key(subject, document);
        let cached: Option<Option<String>> = self.run(cmd("GET").arg(&key)).await;
        let cached = cached.flatten().and_then(|text| {
            let (first, second) = text.split_once(' ')?;
            Some([first.parse().ok()?, second.parse().ok()?])
        });
        if let Some(versions) = cached {
            return Ok(Answer { versions, hit: true });
        }
        let versions = self.select(subject, document).await?;
        let [first, second] = versions;
        let _: Option<()> = self.run(cmd("SETEX").arg(&key).arg(300).arg(format!("{first} {second}"))).await;
        Ok(Answer { versions, hit: false })
    }

    async fn write(&self, subject: &Subject, document: Document, number: usize, version: u64) -> Result<(), Failure> {
        let (statement, id) = match (document, number, subject.entries.get(number)) {
            (Document::Journal, _, Some(entry)) => (WRITE_ENTRY, entry),
            (_, 0, _) => (WRITE_STYLE, &subject.id),
            _ => (WRITE_PREFERENCES, &subject.id),
        };
        let version = i64::try_from(version).map_err(|_| Failure::Unavailable)?;
        let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(id, Type::UUID), (&version, Type::INT8)];
        self.db.write(statement, &params).await.map_err(|_| Failure::Unavailable)?;
        let _: Option<()> = self.run(cmd("DEL").arg(key(subject, document))).await;
        Ok(())
    }

    async fn sign_in(&self, _subject: &Subject) -> Result<String, Failure> {
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

fn key(subject: &Subject, document: Document) -> String {
    format!("naive:{document:?}:{}", subject.id)
}
