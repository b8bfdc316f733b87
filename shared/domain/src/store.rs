//! The data of one request: cache, database, and the metrics that both count into.

use std::sync::Arc;

use cache::Cache;
use db::Db;
use metrics::RequestMetrics;
use secret::SecretKey;

use crate::rate_limit::LocalCounters;

/// Cache and database as one request sees them. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    /// Redis.
    pub cache: Cache,
    /// Postgres.
    pub db: Db,
    /// The metrics of this request.
    pub metrics: Arc<RequestMetrics>,
    /// The key for names from which the original cannot be read back: of e-mail addresses, sources and request bodies.
    pub hmac_key: SecretKey,
    /// Counts attempts while Redis is unavailable.
    pub local_counters: Arc<LocalCounters>,
}

impl Store {
    /// The same store for another request, with that request's metrics.
    #[must_use]
    pub fn with_metrics(&self, metrics: Arc<RequestMetrics>) -> Self {
        Self {
            cache: self.cache.with_metrics(Arc::clone(&metrics)),
            db: self.db.with_metrics(Arc::clone(&metrics)),
            metrics,
            ..self.clone()
        }
    }
}
