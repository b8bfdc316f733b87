//! The connection pool of an execution environment.

use std::time::Duration;

use deadpool_postgres::{ConfigConnectImpl, Manager, ManagerConfig, Object, QueueMode, RecyclingMethod, Runtime};
use net::staleness::LastReply;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{NoTls, Row};

use super::password_connect::PasswordConnect;
use super::{Error, Param, Url, tls};

/// The timeout of a connection attempt, including TLS and authentication.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The time after which the kernel closes a connection whose data are not acknowledged.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of connections of an execution environment.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// The number of connections that stay open between requests.
    pub kept: usize,
    /// The number of further connections that are opened under load and closed after use.
    pub overflow: usize,
}

pub(super) struct Pool {
    pool: deadpool_postgres::Pool,
    kept: usize,
    last_reply: LastReply,
}

impl Pool {
    pub(super) fn new(url: &Url, size: PoolSize) -> Result<Self, Error> {
        let mut config = url.config.clone();
        // A standby could return stale rows, which would then be cached.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_USER_TIMEOUT).application_name("kai");
        // Checks only `is_closed`, because a check by query would cost every request a round trip.
        // See `Connection::is_stale`.
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if url.wants_tls() {
            let inner = ConfigConnectImpl { tls: tls::connector(url.is_of_rds())? };
            match url.passwords.clone() {
                Some(passwords) => Manager::from_connect(config, PasswordConnect { inner, passwords }, manager_config),
                None => Manager::from_connect(config, inner, manager_config),
            }
        } else {
            config.ssl_mode(SslMode::Disable);
            Manager::from_config(config, NoTls, manager_config)
        };
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(size.kept + size.overflow)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CONNECT_TIMEOUT))
            // The connection that was used last is the least likely to be broken, and the others
            // may be closed by the server.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|_| Error::lost("the pool cannot be created"))?;
        Ok(Self { pool, kept: size.kept, last_reply: LastReply::default() })
    }

    /// Returns a connection for one statement. Connects if no connection is idle.
    pub(super) async fn connection(&self) -> Result<Connection<'_>, Error> {
        let object = self.pool.get().await.map_err(|error| match error {
            deadpool_postgres::PoolError::Backend(error) => Error::from(error),
            deadpool_postgres::PoolError::Timeout(_) => Error::lost("no connection in time"),
            _ => Error::lost("no connection"),
        })?;
        let fresh = Object::metrics(&object).recycle_count == 0;
        if fresh {
            // The server has just replied to the handshake, so the first write after INIT needs no
            // check.
            self.last_reply.touch();
        }
        Ok(Connection { pool: self, object: Some(object), fresh })
    }

    /// Closes the idle connections, so that the next connection is a new one.
    pub(super) fn discard_idle(&self) {
        let _ = self.pool.retain(|_, _| false);
    }
}

/// A connection that is borrowed from the pool.
///
/// A connection that is dropped before its reply has arrived is closed instead of returned.
/// Otherwise the next statement would wait for the previous one.
pub(super) struct Connection<'a> {
    pool: &'a Pool,
    object: Option<Object>,
    fresh: bool,
}

impl Connection<'_> {
    /// Whether the connection has just been opened.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether the connection may be stale: more than 5 s since the last reply on either clock.
    pub(super) fn is_stale(&self) -> bool {
        !self.fresh && self.pool.last_reply.is_stale()
    }

    /// Checks that the server replies on this connection.
    pub(super) async fn check(&mut self) -> Result<(), Error> {
        let object = self.object.take().ok_or_else(|| Error::lost("connection used up"))?;
        let loan = Loan(Some(object));
        loan.client()?.check_connection().await?;
        self.pool.last_reply.touch();
        self.fresh = true;
        self.object = loan.settle();
        Ok(())
    }

    /// Runs one unnamed, typed statement, and returns the connection to the pool.
    pub(super) async fn query(mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let loan = Loan(self.object.take());
        let result = loan.client()?.query_typed(sql, params).await.map_err(Error::from);
        if !matches!(result, Err(Error::Unavailable { connection_lost: true, .. })) {
            self.pool.last_reply.touch();
            let object = loan.settle();
            if self.pool.pool.status().size > self.pool.kept {
                object.map(Object::take);
            }
        }
        result
    }
}

/// A guard that closes the connection unless [`settle`](Self::settle) is called.
struct Loan(Option<Object>);

impl Loan {
    fn client(&self) -> Result<&Object, Error> {
        self.0.as_ref().ok_or_else(|| Error::lost("connection used up"))
    }

    fn settle(mut self) -> Option<Object> {
        self.0.take()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.take().map(Object::take);
    }
}
