//! A credentials provider that gives the driver short-lived passwords.

use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::unfold;
use redis::{BasicAuth, ErrorKind, RedisResult, StreamingCredentialsProvider};
use secret::PasswordProvider;
use tokio::time::sleep;

/// The time after which a connection authenticates again. ElastiCache closes a connection after
/// twelve hours without authentication.
const AUTHENTICATE_AGAIN_AFTER: Duration = Duration::from_hours(11);

/// Creates a password for each connection, and another one before the server would close the
/// connection.
///
/// The driver requests a password twice while it connects, so a new connection authenticates twice.
/// It only waits for the first authentication.
#[derive(Clone)]
pub(super) struct Passwords {
    pub(super) provider: PasswordProvider,
    pub(super) user: String,
}

impl Passwords {
    fn credentials(&self) -> RedisResult<BasicAuth> {
        let password = (self.provider)().ok_or((ErrorKind::AuthenticationFailed, "could not create a password"))?;
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
