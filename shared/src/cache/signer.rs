//! The passwords of `ElastiCache`: a credentials provider for the driver.

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use redis::{BasicAuth, ErrorKind, RedisResult, StreamingCredentialsProvider};
use tokio::time::sleep;

use crate::aws::{CacheKind, Identity};

/// `ElastiCache` ends a connection that has not proved itself anew for twelve hours.
const PROVED_ANEW_AFTER: Duration = Duration::from_hours(11);

/// Makes a token of IAM for each connection, and another one before it would be ended. The driver asks twice as it connects, so that a connection
/// proves itself twice at its beginning; it waits for the first alone.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) identity: Identity,
    pub(super) cache: String,
    pub(super) kind: CacheKind,
    pub(super) user: String,
}

impl Signer {
    fn credentials(&self) -> RedisResult<BasicAuth> {
        let token = self.identity.cache_token(&self.cache, self.kind, &self.user);
        let token = token.map_err(|_| (ErrorKind::AuthenticationFailed, "no token can be made"))?;
        Ok(BasicAuth::new(self.user.clone(), token.expose().clone()))
    }
}

impl StreamingCredentialsProvider for Signer {
    fn subscribe(&self) -> Pin<Box<dyn Stream<Item = RedisResult<BasicAuth>> + Send + 'static>> {
        Box::pin(unfold((self.clone(), Duration::ZERO), async |(signer, wait)| {
            sleep(wait).await;
            Some((signer.credentials(), (signer, PROVED_ANEW_AFTER)))
        }))
    }
}
