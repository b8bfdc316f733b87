//! Schedules with a fixed rate.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use uuid::Uuid;

use crate::async_invoke;
use crate::pool::Pool;
use crate::queue::Queues;
use crate::template::{ACCOUNT, REGION, Schedule};

/// Invokes a function on a schedule until the task is dropped. The first invocation happens after
/// one period.
pub(crate) async fn run(schedule: Schedule, pool: Arc<Pool>, queues: Arc<Queues>) {
    let Some(period) = schedule.period else { return };
    let mut ticks = ticks(period);
    let mut invocations = JoinSet::new();
    loop {
        ticks.tick().await;
        while invocations.try_join_next().is_some() {}
        let (event, pool, queues) = (event(&schedule), Arc::clone(&pool), Arc::clone(&queues));
        invocations.spawn(async move { async_invoke::invoke(&pool, event.into(), &queues).await });
    }
}

fn ticks(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    // An emulator that was suspended does not make up for missed periods.
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    interval
}

/// Returns the input of the schedule. Without an input, returns the event that EventBridge sends.
fn event(schedule: &Schedule) -> String {
    if let Some(input) = &schedule.input {
        return input.clone();
    }
    let name = &schedule.name;
    let (source, arn, detail) = if schedule.is_scheduler {
        ("aws.scheduler", format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}"), json!("{}"))
    } else {
        ("aws.events", format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"), json!({}))
    };
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": source,
        "account": ACCOUNT,
        "time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [arn],
        "detail": detail,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_schedule_fires_once_in_each_period_and_not_at_the_start() {
        let minute = Duration::from_secs(60);
        let started = Instant::now();
        let mut ticks = ticks(minute);
        for period in 1..=3 {
            ticks.tick().await;
            assert_eq!(started.elapsed(), minute * period);
        }
        advance(minute * 5).await;
        ticks.tick().await;
        ticks.tick().await;
        assert_eq!(started.elapsed(), minute * 9, "missed periods are skipped");
    }

    #[test]
    fn the_event_is_that_of_eventbridge_unless_the_schedule_has_an_input() {
        let mut schedule = Schedule { name: "EveryMinute".to_owned(), period: None, is_scheduler: false, input: None };
        let sent: Value = serde_json::from_str(&event(&schedule)).unwrap();
        assert_eq!(sent["detail-type"], "Scheduled Event");
        assert_eq!(sent["source"], "aws.events");
        assert_eq!(sent["resources"][0], "arn:aws:events:us-east-1:123456789012:rule/EveryMinute");
        schedule.input = Some(r#"{"a":1}"#.to_owned());
        assert_eq!(event(&schedule), r#"{"a":1}"#);
    }
}
