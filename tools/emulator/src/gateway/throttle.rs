//! Per-route throttling of requests with token buckets.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html>

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::template::{Template, Throttle};

/// A bucket for each route that has a limit.
pub(super) struct TokenBuckets(BTreeMap<String, Mutex<TokenBucket>>);

struct TokenBucket {
    limit: Throttle,
    tokens: f64,
    filled: Instant,
}

impl TokenBuckets {
    /// Creates the buckets. A limit in the route's own event takes precedence over the API's limit
    /// for the route, which takes precedence over the API's default.
    pub(super) fn new(template: &Template) -> Self {
        let api = &template.api;
        let routes = template.functions.iter().flat_map(|function| &function.routes);
        let buckets = routes.filter_map(|route| {
            let key = route.key();
            let limit = route.throttle.or_else(|| api.route_throttles.get(&key).copied()).or(api.throttle)?;
            Some((key, Mutex::new(TokenBucket { limit, tokens: limit.burst, filled: Instant::now() })))
        });
        Self(buckets.collect())
    }

    /// Takes a token from the route's bucket. Returns `false` if the bucket is empty.
    pub(super) fn try_acquire(&self, route_key: &str) -> bool {
        self.0.get(route_key).is_none_or(|bucket| bucket.lock().unwrap_or_else(PoisonError::into_inner).try_acquire())
    }
}

impl TokenBucket {
    fn try_acquire(&mut self) -> bool {
        let now = Instant::now();
        let earned = now.duration_since(self.filled).as_secs_f64() * self.limit.rate;
        self.filled = now;
        self.tokens = (self.tokens + earned).min(self.limit.burst);
        let has_token = self.tokens >= 1.0;
        if has_token {
            self.tokens -= 1.0;
        }
        has_token
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_allows_its_burst_and_then_its_rate() {
        let limit = Throttle { burst: 3.0, rate: 2.0 };
        let mut bucket = TokenBucket { limit, tokens: limit.burst, filled: Instant::now() };
        let mut accepted = || (0..10).filter(|_| bucket.try_acquire()).count();
        assert_eq!(accepted(), 3);
        advance(Duration::from_secs(1)).await;
        assert_eq!(accepted(), 2);
        advance(Duration::from_secs(60)).await;
        assert_eq!(accepted(), 3, "an idle bucket fills up to its burst");
    }
}
