//! Counters with a window: how often an event occurred since the window began.

use std::time::Duration;

use redis::{Cmd, Value};

use super::{Cache, Unreachable, WRITE_BUDGET, WriteGuard, pipeline};

/// Increments a counter and starts the window at the first count. One script does both, so that no
/// counter remains without a time to live.
const COUNT: &str = "local n = redis.call('INCR', KEYS[1])
if n == 1 or redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {n, redis.call('PTTL', KEYS[1])}";

/// Decrements a counter. Does not create one, and does not go below zero.
const UNCOUNT: &str = "local n = tonumber(redis.call('GET', KEYS[1]))
if n and n > 0 then redis.call('DECR', KEYS[1]) end
return 1";

/// The number of occurrences in the current window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The number of occurrences, including this one.
    pub times: u64,
    /// The time until the window ends.
    pub remaining: Duration,
}

impl Cache {
    /// Counts one occurrence under each name, in one round trip. The first count under a name
    /// starts its window, which later counts do not extend.
    ///
    /// # Errors
    /// [`Unreachable`] if Redis did not reply, or replied with an error. Some of the names may have
    /// been counted.
    pub async fn count<const N: usize>(&self, names: [(&str, Duration); N]) -> Result<[Count; N], Unreachable> {
        let count_one = |(name, window): &(&str, Duration)| count_up(name, *window);
        let replies = self.exchange(|| pipeline(names.iter().map(count_one)), WRITE_BUDGET).await?;
        let counts: Option<Vec<Count>> = replies.iter().map(count).collect();
        counts.and_then(|counts| counts.try_into().ok()).ok_or(Unreachable::Failed)
    }

    /// Announces a write as [`begin`](Self::begin) does, and counts one occurrence, in one round
    /// trip.
    pub async fn begin_counted(
        &self,
        guards: Vec<String>,
        name: &str,
        window: Duration,
    ) -> (WriteGuard, Result<Count, Unreachable>) {
        let (guard, replies) = self.begin_with(guards, || Some(count_up(name, window))).await;
        (guard, replies.first().and_then(count).ok_or(Unreachable::Failed))
    }

    /// Takes back one occurrence under each name, and deletes the counter `forgotten`, in one round
    /// trip. Does not create a counter, and does not go below zero.
    ///
    /// # Errors
    /// [`Unreachable`] if Redis did not reply. Some of the commands may have been executed. An
    /// error of a single command is ignored.
    pub async fn uncount<const N: usize>(&self, forgotten: Option<&str>, names: [&str; N]) -> Result<(), Unreachable> {
        let forget = |name: &str| {
            let mut command = redis::cmd("UNLINK");
            command.arg(name);
            command
        };
        let take_back = |name: &&str| {
            let mut command = redis::cmd("EVAL");
            command.arg(UNCOUNT).arg(1).arg(*name);
            command
        };
        let commands = || pipeline(forgotten.map(forget).into_iter().chain(names.iter().map(take_back)));
        self.exchange(commands, WRITE_BUDGET).await.map(drop)
    }
}

fn count_up(name: &str, window: Duration) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(COUNT).arg(1).arg(name).arg(u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
    command
}

fn count(reply: &Value) -> Option<Count> {
    let Value::Array(pair) = reply else { return None };
    let [Value::Int(times), Value::Int(remaining)] = pair.as_slice() else { return None };
    Some(Count {
        times: u64::try_from(*times).ok()?,
        remaining: Duration::from_millis(u64::try_from(*remaining).unwrap_or(0)),
    })
}
