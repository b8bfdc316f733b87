//! The data of one request: cache, database, and the metrics that both count into.

use std::sync::Arc;

use cache::Cache;
use db::Db;
use metrics::RequestMetrics;
use secret::SecretKey;

use tokio_postgres::Row;

use crate::account::Accounts;
use crate::conversation::Conversation;
use crate::journal::Journal;
use crate::outbox::Outbox;
use crate::profile::Profiles;
use crate::query::Query;
use crate::rate_limit::LocalCounters;
use crate::session::Sessions;

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

    /// Accounts: registration, credentials, export, deletion.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts { store: self }
    }

    /// Sessions: sign-in, refresh, sign-out.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { store: self }
    }

    /// The profiles that shape the conversation.
    pub fn profiles(&self) -> Profiles<'_> {
        Profiles { store: self }
    }

    /// The journal.
    pub fn journal(&self) -> Journal<'_> {
        Journal { store: self }
    }

    /// The conversation with Kai.
    pub fn conversation(&self) -> Conversation<'_> {
        Conversation { store: self }
    }

    /// Invalidations that are still to be done.
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox { store: self }
    }

    /// The rows of a statement that changes nothing.
    pub(crate) async fn read<Q: Query<Context = ()>>(&self, query: &Q) -> Result<Vec<Row>, db::Error> {
        self.db.read(Q::STATEMENT, &query.params(&())).await
    }

    /// The rows of a statement that changes rows, executed once.
    pub(crate) async fn write<Q: Query<Context = ()>>(&self, query: &Q) -> Result<Vec<Row>, db::Error> {
        self.db.write(Q::STATEMENT, &query.params(&())).await
    }
}
