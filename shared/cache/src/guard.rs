//! The guard key: generations, markers, and what a write must do around its statement.

use redis::{Cmd, Value};

use super::{Cache, Key, Unreachable, WRITE_BUDGET, get, pipeline};

/// A guard lives a good day, longer than any record behind it.
const GUARD_TTL_SECONDS: u64 = 90_000;
/// A marker lapses by itself. Postgres' own time-outs keep every write well below it.
const MARKER_TTL_MS: u64 = 30_000;

/// Sets the marker. When another write is under way the marker becomes a shared one, which belongs to neither and is left to lapse:
/// clearing it for one of them would let readers fill while the other has yet to commit.
const BEGIN: &str = "local v = redis.pcall('GET', KEYS[1])
local m = '!' .. ARGV[1]
if type(v) == 'string' and string.sub(v, 1, 1) == '!' and v ~= m then m = '!S' .. ARGV[1] end
return redis.call('SET', KEYS[1], m, 'PX', ARGV[2])";

/// Drops the guard if it holds this write's own marker or a live generation, and leaves the marker of anybody else.
const END: &str = "local v = redis.pcall('GET', KEYS[1])
if type(v) ~= 'string' or v == '!' .. ARGV[1] or string.sub(v, 1, 1) == 'g' then redis.call('UNLINK', KEYS[1]) end
return 1";

/// Drops the guard if it still holds this generation.
const DROP_IF_MINE: &str = "if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 1";

/// The random name of the time between two writes. Never counted up: a counter that is evicted starts over and would bring
/// dead records back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation([u8; 16]);

impl Generation {
    pub(super) fn random() -> Self {
        Self(uuid::Uuid::new_v4().into_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// What a guard holds while this generation lives.
    fn value(&self) -> Vec<u8> {
        [b"g".as_slice(), &self.0].concat()
    }
}

/// What a reader learnt from the guard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GuardState {
    /// Records of this generation may be served and filled.
    Live(Generation),
    /// A write is under way: the database answers and nothing is filled.
    Pending,
    /// No answer, or none that makes sense.
    Unknown,
}

/// Proposes a generation and observes which one is live: `SET guard g… NX GET`. Being a write it is never answered by a primary whose
/// replica has taken over; such a one still answers reads, with what was there before.
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

/// The announcement of a write, made before its statement. Whatever changes a row that is cached takes one, and only
/// [`Cache::begin`] makes them: forgetting is a compile error.
#[must_use = "a write that was announced must be ended"]
pub struct WriteGuard {
    cache: Cache,
    nonce: String,
    guards: Vec<String>,
    marked: bool,
}

impl Cache {
    /// Announces a write behind these guards, in one round trip. Never fails: see [`WriteGuard::unmarked`].
    pub async fn begin(&self, guards: Vec<String>) -> WriteGuard {
        self.begin_with(guards, || None).await.0
    }

    /// Sends another command along, and returns what comes back for it.
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

    /// Drops the live generation of these guards on behalf of writes that have been committed. Returns whether all are dropped.
    ///
    /// Several are dropped twice. What is kept behind one of them may be made of what was read behind another, and the nodes of a cluster drop
    /// them in any order: in between somebody may propose a new generation of the one while the old generation of the other still lives.
    pub async fn invalidate(&self, guards: &[String]) -> bool {
        let dropped = self.drop_generations(guards, "").await;
        dropped && (guards.len() < 2 || self.drop_generations(guards, "").await)
    }

    /// The guard's present value as text, for tests and operators: its first byte tells the state.
    pub async fn guard_value(&self, guard: &str) -> Option<Vec<u8>> {
        match self.exchange(|| pipeline([get(guard)]), WRITE_BUDGET).await.ok()?.pop()? {
            Value::BulkString(value) => Some(value),
            _ => None,
        }
    }

    async fn drop_generations(&self, guards: &[String], nonce: &str) -> bool {
        let commands = || pipeline(guards.iter().map(|guard| script(END, guard, nonce)));
        // Even if the breaker is open: Redis may be back, and whoever reaches it must not be served what this write replaced.
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
    /// The guards whose markers could not be set. Their names go into the outbox, in the same transaction as the write.
    pub fn unmarked(&self) -> &[String] {
        if self.marked { &[] } else { &self.guards }
    }

    /// All guards of this write.
    pub fn guards(&self) -> &[String] {
        &self.guards
    }

    /// Clears the markers after the commit, or after a rollback. Returns whether every guard is known to be clear; if not, the
    /// markers lapse within 30 s, during which the database answers.
    pub async fn end(self) -> bool {
        self.cache.drop_generations(&self.guards, &self.nonce).await
    }
}

/// Drops the guard if this generation still lives.
pub(super) fn abandon(key: &Key, generation: Generation) -> Cmd {
    drop_if_mine(key.guard(), generation.value())
}

/// Drops what is under a name if it is this value.
pub(super) fn drop_if_mine(name: &str, value: impl redis::ToRedisArgs) -> Cmd {
    script(DROP_IF_MINE, name, value)
}

/// `EVAL` rather than `EVALSHA`: the scripts are short, and a Redis that restarted knows no digests.
fn script(source: &str, key: &str, argument: impl redis::ToRedisArgs) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(source).arg(1).arg(key).arg(argument);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_tells_what_a_reader_may_do() {
        let proposed = Generation([1; 16]);
        let live = [b"g".as_slice(), &[2; 16]].concat();
        assert_eq!(state(Some(Value::Nil), proposed), GuardState::Live(proposed));
        assert_eq!(state(Some(Value::BulkString(live)), proposed), GuardState::Live(Generation([2; 16])));
        for marker in [b"!abc".as_slice(), b"!Sabc"] {
            assert_eq!(state(Some(Value::BulkString(marker.to_vec())), proposed), GuardState::Pending);
        }
    }

    #[test]
    fn a_guard_that_makes_no_sense_is_never_live() {
        let proposed = Generation([1; 16]);
        for value in [b"".as_slice(), b"g", b"gshort", b"7", b"garbage that is too long to be one"] {
            assert_eq!(state(Some(Value::BulkString(value.to_vec())), proposed), GuardState::Unknown, "{value:?}");
        }
        assert_eq!(state(Some(Value::Okay), proposed), GuardState::Unknown);
        assert_eq!(state(None, proposed), GuardState::Unknown);
    }
}
