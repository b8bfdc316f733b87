//! Connections to Postgres, and statements with deadlines.
//!
//! Every statement is unnamed and typed, and takes one round trip, because a transaction pooler
//! does not support named statements. Every statement is a transaction of its own, so that no
//! transaction is left open. The server enforces its own timeouts, which are settings of the
//! database (see `migrations/`). Settings of a connection would be lost behind a pooler.

mod error;
mod password_connect;
mod pool;
mod slow_query_log;
mod tls;
mod url;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::RequestMetrics;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

pub use self::error::Error;
use self::pool::Pool;
pub use self::pool::PoolSize;
pub use self::tls::AUTHORITIES_OF_RDS;
pub use self::url::Url;

/// The deadline of a read, including its second attempt.
const READ_DEADLINE: Duration = Duration::from_secs(2);
/// The deadline of a write. A write that exceeds it may still have been committed.
const WRITE_DEADLINE: Duration = Duration::from_secs(3);
/// The time in which a connection that has been idle must reply, before a new connection replaces
/// it.
const STALE_DEADLINE: Duration = Duration::from_millis(250);
/// How long a read waits on a recently used connection before it is retried on a new one. The
/// recently used connection may have been cut without notice.
const FIRST_TRY_DEADLINE: Duration = Duration::from_millis(700);

/// The statement with which the server is checked.
pub const PING: Statement = Statement { name: "ping", sql: "SELECT 1" };

/// A statement with the name under which it appears in logs.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// The name, such as `journal.page`.
    pub name: &'static str,
    /// The SQL text, with `$1` and so on for all values that users wrote.
    pub sql: &'static str,
}

impl Statement {
    /// Returns the SQL text on one line, as it is logged and shown.
    pub fn line(&self) -> String {
        self.sql.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A parameter and its Postgres type.
pub type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A handle to the database for one request. It is cheap to clone, and counts into the metrics of
/// the request.
#[derive(Clone)]
pub struct Db {
    pool: Arc<Pool>,
    slow_after: Duration,
    metrics: Arc<RequestMetrics>,
}

impl Db {
    /// Creates a pool of connections. The first statement connects.
    ///
    /// # Errors
    /// Returns an error if the connection needs TLS and no certificate authorities can be read.
    pub fn new(url: &Url, size: PoolSize, slow_after: Duration, metrics: Arc<RequestMetrics>) -> Result<Self, Error> {
        Ok(Self { pool: Arc::new(Pool::new(url, size)?), slow_after, metrics })
    }

    /// Returns a handle to the same database that counts into the metrics of another request.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self { metrics, ..self.clone() }
    }

    /// Connects before the first request.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the server is unreachable. The next statement connects
    /// again.
    pub async fn connect(&self) -> Result<(), Error> {
        self.pool.connection().await.map(drop)
    }

    /// Ensures that there is a live connection, without a round trip if a connection was used
    /// recently.
    ///
    /// A write must not be sent twice, so a connection that has been idle must reply to a check
    /// before it is used for a write.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the server is unreachable.
    pub async fn ready(&self) -> Result<(), Error> {
        within(WRITE_DEADLINE, async {
            let mut connection = self.pool.connection().await?;
            if connection.is_stale() && within(STALE_DEADLINE, connection.check()).await.is_err() {
                drop(connection);
                self.pool.discard_idle();
                self.pool.connection().await?;
            }
            Ok(())
        })
        .await
    }

    /// Runs a statement that changes nothing. If the connection is lost or does not reply in time,
    /// the statement is retried once on a new one.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if there is no reply within 2 s, and [`Error::Rejected`] if
    /// the server rejects the statement.
    pub async fn read(&self, statement: Statement, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let work = Box::pin(async {
            let connection = self.pool.connection().await?;
            let patience = match (connection.is_fresh(), connection.is_stale()) {
                (true, _) => READ_DEADLINE,
                (_, true) => STALE_DEADLINE,
                (_, false) => FIRST_TRY_DEADLINE,
            };
            let outcome = within(patience, connection.query(statement.sql, params)).await;
            match outcome {
                Err(Error::Unavailable { connection_lost: true, .. }) => {
                    self.pool.discard_idle();
                    self.pool.connection().await?.query(statement.sql, params).await
                }
                outcome => outcome,
            }
        });
        self.timed(statement, params, READ_DEADLINE, work).await
    }

    /// Runs a statement that changes rows, once.
    ///
    /// The statement is a transaction of its own. After an error that [is
    /// definite](Error::is_definite), nothing has been changed. After any other error the outcome
    /// is unknown.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if there is no reply within 3 s, and [`Error::Rejected`] if
    /// the server rejects the statement.
    pub async fn write(&self, statement: Statement, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let work = Box::pin(async {
            self.ready().await?;
            self.pool.connection().await?.query(statement.sql, params).await
        });
        self.timed(statement, params, WRITE_DEADLINE, work).await
    }

    /// Checks that the server replies.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if there is no reply within 2 s.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(PING, &[]).await.map(drop)
    }

    async fn timed(
        &self,
        statement: Statement,
        params: &[Param<'_>],
        deadline: Duration,
        // Boxed, because the future is large: it may have to open a connection. Unboxed, every
        // future around it would be as large and be moved as a whole, even in requests that run no
        // statement.
        work: Pin<Box<impl Future<Output = Result<Vec<Row>, Error>>>>,
    ) -> Result<Vec<Row>, Error> {
        let started = Instant::now();
        let result = within(deadline, work).await;
        let took = started.elapsed();
        let slow = took >= self.slow_after;
        if slow {
            slow_query_log::warn(statement, params, took, result.as_ref().map(Vec::len), &self.metrics);
        }
        self.metrics.db_query(took, slow);
        result
    }
}

async fn within<T>(deadline: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // Dropping the work drops its connection, which `Connection` then closes, because a reply is
    // still outstanding on it.
    timeout(deadline, work).await.unwrap_or_else(|_| Err(Error::timed_out()))
}
