//! The guard key: generations, markers, and the steps of a write before and after its statement.

use redis::{Cmd, Value};

use super::{Cache, Key, Unreachable, WRITE_BUDGET, get, pipeline};

/// The time to live of a guard: 25 hours, longer than that of any record behind it.
const GUARD_TTL_SECONDS: u64 = 90_000;
/// The time to live of a marker. The timeouts of the database end every write well before.
const MARKER_TTL_MS: u64 = 30_000;

/// Sets the marker of a write.
///
/// If another write is in progress, sets a shared marker, which neither write clears and which
/// expires. If one write cleared it, readers could fill records before the other write commits.
const BEGIN: &str = "local v = redis.pcall('GET', KEYS[1])
local m = '!' .. ARGV[1]
if type(v) == 'string' and string.sub(v, 1, 1) == '!' and v ~= m then m = '!S' .. ARGV[1] end
return redis.call('SET', KEYS[1], m, 'PX', ARGV[2])";

/// Drops the guard if it contains this write's marker or a live generation, or is not a string.
/// Leaves the markers of other writes.
const END: &str = "local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' or v == '!' .. ARGV[1] or string.sub(v, 1, 1) == 'g' then redis.call('UNLINK', KEYS[1]) end
return 1";

/// Deletes a key if it still contains this value.
const DROP_IF_MINE: &str = "if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 1";

/// The random name of the time between two writes.
///
/// It is not a counter: a counter that is evicted starts again, and dead records would become
/// valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation([u8; 16]);

impl Generation {
    pub(super) fn random() -> Self {
        Self(uuid::Uuid::new_v4().into_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the value of a guard while this generation is live.
    fn value(&self) -> Vec<u8> {
        [b"g".as_slice(), &self.0].concat()
    }
}

/// The state of a guard, as a reader observed it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GuardState {
    /// Records of this generation may be served and filled.
    Live(Generation),
    /// A write is in progress. The data come from the database, and nothing is filled.
    Pending,
    /// Redis did not reply, or the guard is malformed.
    Unknown,
}

/// Returns the command that proposes a generation and observes the live one: `SET guard g… NX GET`.
///
/// The command is a write, so a primary that a replica has replaced does not execute it. Such a
/// primary still executes reads, and returns outdated values.
pub(super) fn observe(key: &Key, proposed: Generation) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(key.guard()).arg(proposed.value()).arg("NX").arg("GET").arg("EX").arg(GUARD_TTL_SECONDS);
    command
}

pub(super) fn state(reply: Option<Value>, proposed: Generation) -> GuardState {
    match reply {
        Some(Value::Nil) => GuardState::Live(proposed),
        Some(Value::BulkString(value)) => match value.split_first() {
            Some((b'g', generation)) => match <[u8; 16]>::try_from(generation) {
                Ok(generation) => GuardState::Live(Generation(generation)),
                Err(_) => GuardState::Unknown,
            },
            Some((b'!', _)) => GuardState::Pending,
            _ => GuardState::Unknown,
        },
        _ => GuardState::Unknown,
    }
}

/// The announcement of a write.
///
/// Only [`Cache::begin`] and [`Cache::begin_counted`] create one. If every function that changes
/// cached data takes a `WriteGuard`, a write without an announcement does not compile.
#[must_use = "a write that was announced must be ended"]
pub struct WriteGuard {
    cache: Cache,
    nonce: String,
    guards: Vec<String>,
    marked: bool,
}

impl Cache {
    /// Announces a write of the data behind these guards, in one round trip.
    ///
    /// Call it before the statement that commits. The deadline is 50 ms, plus at most 150 ms if the
    /// command has to connect. A failure is not an error: see [`WriteGuard::unmarked`].
    pub async fn begin(&self, guards: Vec<String>) -> WriteGuard {
        self.begin_with(guards, || None).await.0
    }

    /// Announces a write, sends another command in the same round trip, and returns its reply.
    pub(super) async fn begin_with(
        &self,
        guards: Vec<String>,
        another: impl Fn() -> Option<Cmd> + Sync,
    ) -> (WriteGuard, Vec<Value>) {
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let mark = |guard: &String| {
            let mut command = script(BEGIN, guard, &nonce);
            command.arg(MARKER_TTL_MS);
            command
        };
        let mut outcome = self.exchange(|| pipeline(guards.iter().map(mark).chain(another())), WRITE_BUDGET).await;
        let others = outcome.as_mut().map(|replies| replies.split_off(guards.len().min(replies.len())));
        let others = others.unwrap_or_default();
        let marked = self.all_succeed(guards.len(), outcome);
        (WriteGuard { cache: self.clone(), nonce, guards, marked }, others)
    }

    /// Drops the live generations of these guards, for writes that have been committed. Leaves the
    /// markers of writes in progress. Returns whether Redis has executed all commands.
    ///
    /// If there are several guards, drops each of them twice, so that each is dropped after every
    /// other. A record behind one guard may be derived from a record behind another, and the nodes
    /// of a cluster drop the guards in any order. In between, a reader could derive a record of a
    /// new generation from one whose old generation is still live.
    pub async fn invalidate(&self, guards: &[String]) -> bool {
        let dropped = self.drop_generations(guards, "").await;
        dropped && (guards.len() < 2 || self.drop_generations(guards, "").await)
    }

    /// Returns the value of a guard, for tests and operators. Returns `None` if the guard is empty
    /// or Redis is unavailable.
    ///
    /// The first byte shows the state: `g` for a live generation, `!` for a marker.
    pub async fn guard_value(&self, guard: &str) -> Option<Vec<u8>> {
        match self.exchange(|| pipeline([get(guard)]), WRITE_BUDGET).await.ok()?.pop()? {
            Value::BulkString(value) => Some(value),
            _ => None,
        }
    }

    async fn drop_generations(&self, guards: &[String], nonce: &str) -> bool {
        let commands = || pipeline(guards.iter().map(|guard| script(END, guard, nonce)));
        // Sent even if the breaker is open. Redis may be available again, and other processes must
        // not serve the records that this write has replaced.
        let outcome = self.send_regardless(commands, WRITE_BUDGET).await;
        self.all_succeed(guards.len(), outcome)
    }

    fn all_succeed(&self, number: usize, outcome: Result<Vec<Value>, Unreachable>) -> bool {
        let replies = outcome.unwrap_or_default();
        let succeeded = replies.len() == number && !replies.iter().any(|v| matches!(v, Value::ServerError(_)));
        if !succeeded {
            self.note_failure();
        }
        succeeded
    }
}

impl WriteGuard {
    /// Returns the guards that must go into the outbox, in the same transaction as the write.
    ///
    /// The list is empty if every marker was set. Otherwise it contains all guards of the write.
    pub fn unmarked(&self) -> &[String] {
        if self.marked { &[] } else { &self.guards }
    }

    /// Returns all guards of this write.
    pub fn guards(&self) -> &[String] {
        &self.guards
    }

    /// Clears the markers after the commit, or after a rollback. Returns whether Redis has executed
    /// all commands within 50 ms.
    ///
    /// A marker that is not cleared expires within 30 s. Until then lookups are bypasses. The same
    /// is true of a marker that an overlapping write shares: it is not cleared but expires.
    pub async fn end(self) -> bool {
        self.cache.drop_generations(&self.guards, &self.nonce).await
    }
}

/// Returns the command that drops the guard if this generation is still live.
pub(super) fn abandon(key: &Key, generation: Generation) -> Cmd {
    drop_if_mine(key.guard(), generation.value())
}

/// Returns the command that deletes a key if it still contains this value.
pub(super) fn drop_if_mine(name: &str, value: impl redis::ToRedisArgs) -> Cmd {
    script(DROP_IF_MINE, name, value)
}

/// Returns the command that runs a script. `EVAL` rather than `EVALSHA`, because the scripts are
/// short and a restarted Redis no longer has their digests.
fn script(source: &str, key: &str, argument: impl redis::ToRedisArgs) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(source).arg(1).arg(key).arg(argument);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_guard_determines_its_state() {
        let proposed = Generation([1; 16]);
        let live = [b"g".as_slice(), &[2; 16]].concat();
        assert_eq!(state(Some(Value::Nil), proposed), GuardState::Live(proposed));
        assert_eq!(state(Some(Value::BulkString(live)), proposed), GuardState::Live(Generation([2; 16])));
        for marker in [b"!abc".as_slice(), b"!Sabc"] {
            assert_eq!(state(Some(Value::BulkString(marker.to_vec())), proposed), GuardState::Pending);
        }
    }

    #[test]
    fn a_malformed_guard_is_never_live() {
        let proposed = Generation([1; 16]);
        for value in [b"".as_slice(), b"g", b"gshort", b"7", b"garbage that is too long to be one"] {
            assert_eq!(state(Some(Value::BulkString(value.to_vec())), proposed), GuardState::Unknown, "{value:?}");
        }
        assert_eq!(state(Some(Value::Okay), proposed), GuardState::Unknown);
        assert_eq!(state(None, proposed), GuardState::Unknown);
    }
}
