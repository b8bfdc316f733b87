//! The store: the cache and the database, with the metrics of one request.

use std::sync::Arc;

use cache::Cache;
use db::Db;
use metrics::RequestMetrics;
use secret::SecretKey;
use tokio_postgres::Row;

use crate::local_counters::LocalCounters;
use crate::query::Query;

/// The cache and the database, as one request uses them. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    /// The cache in Redis.
    pub cache: Cache,
    /// The database in Postgres.
    pub db: Db,
    /// The metrics of this request.
    pub metrics: Arc<RequestMetrics>,
    /// The key for pseudonyms of e-mail addresses, sources and request bodies.
    pub hmac_key: SecretKey,
    /// The rate limits' counters, for use while Redis is unavailable.
    pub local_counters: Arc<LocalCounters>,
}

impl Store {
    /// Returns the same store for another request, with that request's metrics.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self {
            cache: self.cache.with_metrics(Arc::clone(&metrics)),
            db: self.db.with_metrics(Arc::clone(&metrics)),
            metrics,
            ..self.clone()
        }
    }

    /// Returns the rows of a statement that changes nothing.
    pub(crate) async fn read<Q: Query<Context = ()>>(&self, query: &Q) -> Result<Vec<Row>, db::Error> {
        self.db.read(Q::STATEMENT, &query.params(&())).await
    }

    /// Executes a statement that changes rows, without a second attempt, and returns its rows.
    pub(crate) async fn write<Q: Query<Context = ()>>(&self, query: &Q) -> Result<Vec<Row>, db::Error> {
        self.db.write(Q::STATEMENT, &query.params(&())).await
    }
}
