//! Short-lived passwords: a credentials provider for the driver.

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use redis::{BasicAuth, ErrorKind, RedisResult, StreamingCredentialsProvider};
use secret::PasswordProvider;
use tokio::time::sleep;

/// `ElastiCache` closes a connection that has not authenticated again for twelve hours.
const AUTHENTICATE_AGAIN_AFTER: Duration = Duration::from_hours(11);

/// Makes a password for each connection, and another one before the server would close it. The driver asks twice while it connects, so a
/// connection authenticates twice at its beginning; it waits for the first time only.
#[derive(Clone)]
pub(super) struct Passwords {
    pub(super) provider: PasswordProvider,
    pub(super) user: String,
}

impl Passwords {
    fn credentials(&self) -> RedisResult<BasicAuth> {
        let password = (self.provider)().ok_or((ErrorKind::AuthenticationFailed, "no password can be made"))?;
        Ok(BasicAuth::new(self.user.clone(), password.expose().clone()))
    }
}

impl StreamingCredentialsProvider for Passwords {
    fn subscribe(&self) -> Pin<Box<dyn Stream<Item = RedisResult<BasicAuth>> + Send + 'static>> {
        Box::pin(unfold((self.clone(), Duration::ZERO), async |(passwords, wait)| {
            sleep(wait).await;
            Some((passwords.credentials(), (passwords, AUTHENTICATE_AGAIN_AFTER)))
        }))
    }
}
