//! The limit on messages of one user.

use std::time::Duration;

use crate::error::Result;
use crate::rate_limit::{self, Limit};
use crate::store::Store;
use crate::token::Token;
use crate::user_id::UserId;

/// The rate limit for chat messages. A person who types does not reach it.
pub(super) const LIMIT: Limit = Limit { times: 30, window: Duration::from_secs(60) };

/// Counts a message from a signed-in caller.
///
/// # Errors
/// [`Error::RateLimited`](crate::Error::RateLimited) if the message exceeds the limit.
pub(super) async fn count_message(store: &Store, token: &Token) -> Result<()> {
    rate_limit::count(store, [&counter(store, token.user_id())], LIMIT).await
}

/// Returns the name of the counter of a user's messages.
pub(super) fn counter(store: &Store, user: UserId) -> String {
    rate_limit::name(store, "chat", &[user.0.as_bytes()])
}
