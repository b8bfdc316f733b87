//! Limits on the requests to each route, as token buckets.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html>

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::template::{Template, Throttle};

/// A bucket for each route that has a limit.
pub(super) struct Buckets(BTreeMap<String, Mutex<Bucket>>);

struct Bucket {
    limit: Throttle,
    tokens: f64,
    filled: Instant,
}

impl Buckets {
    /// A limit of the route's own event comes first, then one of the API for this route, then the API's default.
    pub(super) fn new(template: &Template) -> Self {
        let api = &template.api;
        let routes = template.functions.iter().flat_map(|function| &function.routes);
        let buckets = routes.filter_map(|route| {
            let key = route.key();
            let limit = route.throttle.or_else(|| api.route_throttles.get(&key).copied()).or(api.throttle)?;
            Some((key, Mutex::new(Bucket { limit, tokens: limit.burst, filled: Instant::now() })))
        });
        Self(buckets.collect())
    }

    /// Takes a token; `false` where the route's bucket is empty.
    pub(super) fn admit(&self, route_key: &str) -> bool {
        self.0.get(route_key).is_none_or(|bucket| bucket.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

impl Bucket {
    fn take(&mut self) -> bool {
        let now = Instant::now();
        let earned = now.duration_since(self.filled).as_secs_f64() * self.limit.rate;
        self.filled = now;
        self.tokens = (self.tokens + earned).min(self.limit.burst);
        let admitted = self.tokens >= 1.0;
        if admitted {
            self.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bucket_admits_its_burst_and_then_its_rate() {
        let limit = Throttle { burst: 3.0, rate: 2.0 };
        let mut bucket = Bucket { limit, tokens: limit.burst, filled: Instant::now() };
        let mut admitted = || (0..10).filter(|_| bucket.take()).count();
        assert_eq!(admitted(), 3);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(), 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(admitted(), 3, "an idle bucket holds no more than its burst");
    }
}
