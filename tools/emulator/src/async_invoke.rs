//! Asynchronous invocations. A failed event is retried and, if it still fails, sent to the failure
//! destination.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::invocation::InvocationError;
use crate::pool::Pool;
use crate::queue::Queues;
use crate::template::Asynchronous;

/// The delays before the first and the second retry after the function failed.
const RETRY_DELAYS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(120));
/// The longest delay before the retry of a throttled event. The delays start at one second and
/// double with each retry.
const MAX_THROTTLE_DELAY: Duration = Duration::from_secs(300);

/// Invokes the function until it succeeds, its retries are exhausted or the event is too old.
pub(crate) async fn invoke(pool: &Arc<Pool>, payload: Bytes, queues: &Queues) {
    let policy = &pool.settings.function.asynchronous;
    let started = Instant::now();
    let mut attempts = Attempts::default();
    let (error, condition) = loop {
        let error = match pool.invoke(payload.clone(), None).await {
            Ok(_) | Err(InvocationError::Stopped) => return,
            Err(error) => error,
        };
        let throttled = matches!(error, InvocationError::Throttled);
        match attempts.next_delay(throttled, policy, started.elapsed()) {
            Ok(delay) => sleep(delay).await,
            Err(condition) => break (error, condition),
        }
    };
    let destination = policy.on_failure.as_ref().and_then(|name| queues.get(name));
    let consequence = if destination.is_some() { "sending it to the failure destination" } else { "discarding it" };
    pool.log(format!("Could not handle an event ({condition}), {consequence}: {error}"));
    if let Some(queue) = destination {
        let count = attempts.failures + attempts.throttles;
        queue.send(failure_record(pool, &payload, &error, condition, count).to_string());
    }
}

/// The unsuccessful attempts to deliver one event.
#[derive(Default)]
struct Attempts {
    failures: u32,
    throttles: u32,
}

impl Attempts {
    /// Counts an unsuccessful attempt. Returns the delay before the next attempt, or the condition
    /// that prevents it: `RetriesExhausted` or `EventAgeExceeded`.
    fn next_delay(&mut self, throttled: bool, policy: &Asynchronous, age: Duration) -> Result<Duration, &'static str> {
        let delay = if throttled {
            self.throttles += 1;
            Duration::from_secs(1 << (self.throttles - 1).min(9)).min(MAX_THROTTLE_DELAY)
        } else {
            self.failures += 1;
            if self.failures == 1 { RETRY_DELAYS.0 } else { RETRY_DELAYS.1 }
        };
        match () {
            () if self.failures > policy.retries => Err("RetriesExhausted"),
            () if age + delay > policy.max_age => Err("EventAgeExceeded"),
            () => Ok(delay),
        }
    }
}

/// Returns the invocation record that a failure destination receives.
fn failure_record(pool: &Pool, payload: &[u8], error: &InvocationError, condition: &str, count: u32) -> Value {
    let response = match error {
        InvocationError::Function(error) => serde_json::from_slice(&error.payload).unwrap_or_default(),
        _ => Value::Null,
    };
    json!({
        "version": "1.0",
        "timestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "requestContext": {
            "requestId": Uuid::new_v4().to_string(),
            "functionArn": format!("{}:$LATEST", pool.settings.arn()),
            "condition": condition,
            "approximateInvokeCount": count,
        },
        "requestPayload": serde_json::from_slice::<Value>(payload).unwrap_or_default(),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": response,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(retries: u32, max_age: u64) -> Asynchronous {
        Asynchronous { retries, max_age: Duration::from_secs(max_age), on_failure: None }
    }

    #[test]
    fn a_failed_event_is_retried_after_one_minute_and_then_after_two() {
        let (mut attempts, policy) = (Attempts::default(), policy(2, 3600));
        let delays: Vec<_> = (0..3).map(|_| attempts.next_delay(false, &policy, Duration::ZERO)).collect();
        assert_eq!(delays, [Ok(RETRY_DELAYS.0), Ok(RETRY_DELAYS.1), Err("RetriesExhausted")]);
        assert_eq!(
            Attempts::default().next_delay(false, &self::policy(0, 3600), Duration::ZERO),
            Err("RetriesExhausted")
        );
    }

    #[test]
    fn a_throttled_event_is_retried_with_growing_delays_until_it_is_too_old() {
        let (mut attempts, policy) = (Attempts::default(), policy(0, 3600));
        let delays: Vec<_> =
            (0..11).map(|_| attempts.next_delay(true, &policy, Duration::ZERO).unwrap().as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(attempts.next_delay(true, &policy, Duration::from_secs(3301)), Err("EventAgeExceeded"));
        assert_eq!(
            Attempts::default().next_delay(false, &self::policy(2, 60), Duration::from_secs(1)),
            Err("EventAgeExceeded")
        );
    }
}
