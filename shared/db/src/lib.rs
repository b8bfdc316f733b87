//! Connections to Postgres and statements with deadlines.
//!
//! Every statement is unnamed and typed, one round trip each, so that a transaction pooler in between never sees a named one; and every
//! statement stands for itself, so that no transaction is ever left open. The server keeps its own time-outs by settings of the
//! database (see `migrations/`), which a pooler cannot lose.

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

/// A read is answered or given up within this time, its second attempt included.
const READ_DEADLINE: Duration = Duration::from_secs(2);
/// A write is answered or given up within this time. Given up does not mean undone.
const WRITE_DEADLINE: Duration = Duration::from_secs(3);
/// How long a connection that has been idle gets to prove itself, before a fresh one takes over.
const STALE_DEADLINE: Duration = Duration::from_millis(250);
/// How long a read waits on a connection that was used lately, before it is tried once more on a fresh one: the connection may have been cut
/// without a word since.
const FIRST_TRY_DEADLINE: Duration = Duration::from_millis(700);

/// Asks for a sign of life.
pub const PING: Statement = Statement { name: "ping", sql: "SELECT 1" };

/// A statement with the name under which it appears in logs.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// Such as `journal.page`.
    pub name: &'static str,
    /// The text, with `$1` and so on for whatever a person wrote.
    pub sql: &'static str,
}

impl Statement {
    /// The text on one line, as it is logged and shown.
    pub fn line(&self) -> String {
        self.sql.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A parameter and its Postgres type.
pub type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// The database as one request sees it: cheap to clone, counts into the request's metrics.
#[derive(Clone)]
pub struct Db {
    pool: Arc<Pool>,
    slow_after: Duration,
    metrics: Arc<RequestMetrics>,
}

impl Db {
    /// Opens nothing yet; the first statement connects.
    ///
    /// # Errors
    /// When the system's certificates are needed and cannot be read.
    pub fn new(url: &Url, size: PoolSize, slow_after: Duration, metrics: Arc<RequestMetrics>) -> Result<Self, Error> {
        Ok(Self { pool: Arc::new(Pool::new(url, size)?), slow_after, metrics })
    }

    /// The same database, counting into another request's metrics.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self { metrics, ..self.clone() }
    }

    /// Connects ahead of the first request.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server cannot be reached; the next statement tries again.
    pub async fn connect(&self) -> Result<(), Error> {
        self.pool.connection().await.map(drop)
    }

    /// Makes sure that there is a live connection, without a round trip if one was used lately. A write must not be sent twice, so an idle
    /// connection has to answer before it is trusted with one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server cannot be reached.
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

    /// Runs a statement that changes nothing. If the connection turns out to have died while it was idle, the statement is tried once more
    /// on a fresh one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no answer within 2 s, [`Error::Rejected`] when the server refuses the statement.
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

    /// Runs a statement that changes rows, once. It is its own transaction: an error of kind [`Error::Rejected`] means that nothing
    /// was changed, any other that this is unknown unless it [is definite](Error::is_definite).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no answer within 3 s, [`Error::Rejected`] when the server refuses the statement.
    pub async fn write(&self, statement: Statement, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let work = Box::pin(async {
            self.ready().await?;
            self.pool.connection().await?.query(statement.sql, params).await
        });
        self.timed(statement, params, WRITE_DEADLINE, work).await
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(PING, &[]).await.map(drop)
    }

    async fn timed(
        &self,
        statement: Statement,
        params: &[Param<'_>],
        deadline: Duration,
        // Boxed: it is large, as a connection may have to be opened, and every future around it would be as large and be moved as a whole, for
        // those as well who never come here.
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
    // Dropping the work drops its connection, which `Connection` then closes: it owes an answer that nobody would read.
    timeout(deadline, work).await.unwrap_or_else(|_| Err(Error::timed_out()))
}
