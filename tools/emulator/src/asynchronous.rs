//! Events that nobody waits for: tried again when they fail, and kept when they have failed for good.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::invocation::{Event, InvocationError};
use crate::pool::Pool;
use crate::queue::Queues;
use crate::template::Asynchronous;

/// How long a function that failed is left alone before the first and the second repetition.
const PAUSES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(120));
/// A throttled event comes back after a second, then twice as late each time, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Calls a function until the event is dealt with, one way or the other.
pub(crate) async fn invoke(pool: &Arc<Pool>, payload: Bytes, queues: &Queues) {
    let policy = &pool.settings.function.asynchronous;
    let began = Instant::now();
    let mut attempts = Attempts::default();
    let (error, condition) = loop {
        let error = match pool.invoke(payload.clone(), None).await {
            Ok(_) | Err(InvocationError::Stopped) => return,
            Err(error) => error,
        };
        match attempts.next(matches!(error, InvocationError::Throttled), policy, began.elapsed()) {
            Ok(pause) => sleep(pause).await,
            Err(condition) => break (error, condition),
        }
    };
    let destination = policy.on_failure.as_ref().and_then(|name| queues.get(name));
    let fate = if destination.is_some() { "it is kept" } else { "it is lost" };
    pool.log(format!("An event could not be handled ({condition}), {fate}: {error}"));
    if let Some(queue) = destination {
        let count = attempts.failures + attempts.refusals;
        queue.send(record(pool, &payload, &error, condition, count).to_string());
    }
}

/// How often a function failed on an event, and how often it had no time for it.
#[derive(Default)]
struct Attempts {
    failures: u32,
    refusals: u32,
}

impl Attempts {
    /// Counts an attempt that came to nothing. Tells how long to wait for the next one, or why there is none.
    fn next(&mut self, throttled: bool, policy: &Asynchronous, age: Duration) -> Result<Duration, &'static str> {
        let pause = if throttled {
            self.refusals += 1;
            Duration::from_secs(1 << (self.refusals - 1).min(9)).min(LONGEST_PAUSE)
        } else {
            self.failures += 1;
            if self.failures == 1 { PAUSES.0 } else { PAUSES.1 }
        };
        match () {
            () if self.failures > policy.retries => Err("RetriesExhausted"),
            () if age + pause > policy.max_age => Err("EventAgeExceeded"),
            () => Ok(pause),
        }
    }
}

/// What a destination is told.
fn record(pool: &Pool, payload: &[u8], error: &InvocationError, condition: &str, count: u32) -> Value {
    let response = match error {
        InvocationError::Function(error) => serde_json::from_slice(&error.payload).unwrap_or_default(),
        _ => Value::Null,
    };
    json!({
        "version": "1.0",
        "timestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "requestContext": {
            "requestId": Event::new(Bytes::new(), None).request_id,
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
    fn a_failure_is_repeated_after_a_minute_and_after_two_more() {
        let (mut attempts, policy) = (Attempts::default(), policy(2, 3600));
        let pauses: Vec<_> = (0..3).map(|_| attempts.next(false, &policy, Duration::ZERO)).collect();
        assert_eq!(pauses, [Ok(PAUSES.0), Ok(PAUSES.1), Err("RetriesExhausted")]);
        assert_eq!(Attempts::default().next(false, &self::policy(0, 3600), Duration::ZERO), Err("RetriesExhausted"));
    }

    #[test]
    fn a_throttled_event_comes_back_later_each_time_until_it_is_too_old() {
        let (mut attempts, policy) = (Attempts::default(), policy(0, 3600));
        let pauses: Vec<_> = (0..11).map(|_| attempts.next(true, &policy, Duration::ZERO).unwrap().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(attempts.next(true, &policy, Duration::from_secs(3301)), Err("EventAgeExceeded"));
        assert_eq!(
            Attempts::default().next(false, &self::policy(2, 60), Duration::from_secs(1)),
            Err("EventAgeExceeded")
        );
    }
}
