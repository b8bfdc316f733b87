//! Plain keys with a time to live, for what needs no guard: nothing in here is invalidated by a write.

use std::time::Duration;

use jiff::Timestamp;
use redis::{Cmd, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Cache, Key, PING_BUDGET, READ_BUDGET, Unreachable, WRITE_BUDGET, get, pipeline, set};

/// Stands in for the generation, which plain keys do not have.
const NO_GENERATION: [u8; 16] = [0; 16];

impl Cache {
    /// The value under a key, or `None` when it is absent, expired, not sealed by us, or not of this type.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis did not answer.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Unreachable> {
        let Value::BulkString(sealed) = self.one(get(key.record()), READ_BUDGET).await? else { return Ok(None) };
        let body = self.shared.cipher.open(key, &NO_GENERATION, sealed);
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
    }

    /// Stores a value, sealed, for the key's time to live. Returns whether it was stored.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis did not answer.
    pub async fn set_json<T: Serialize + Sync>(&self, key: &Key, value: &T) -> Result<bool, Unreachable> {
        let Ok(body) = serde_json::to_vec(value) else { return Ok(false) };
        let sealed = self.shared.cipher.seal(key, &NO_GENERATION, Timestamp::now(), &body);
        let Some(sealed) = sealed else { return Ok(false) };
        Ok(self.one(set(key.record(), &sealed, key.ttl()), WRITE_BUDGET).await? == Value::Okay)
    }

    /// Deletes one name. Returns whether there was anything.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis did not answer, or refused to.
    pub async fn delete(&self, name: &str) -> Result<bool, Unreachable> {
        Ok(self.answer(command("UNLINK", name), WRITE_BUDGET).await? == Value::Int(1))
    }

    /// Whether there is anything under a name.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis did not answer, or refused to.
    pub async fn exists(&self, name: &str) -> Result<bool, Unreachable> {
        Ok(self.answer(command("EXISTS", name), READ_BUDGET).await? == Value::Int(1))
    }

    /// How long what is under a name has left, or `None` when there is nothing or it never expires.
    ///
    /// # Errors
    /// [`Unreachable`] when Redis did not answer, or refused to.
    pub async fn ttl(&self, name: &str) -> Result<Option<Duration>, Unreachable> {
        match self.answer(command("PTTL", name), READ_BUDGET).await? {
            Value::Int(left) => Ok(u64::try_from(left).ok().map(Duration::from_millis)),
            _ => Ok(None),
        }
    }

    /// Whether Redis answers. It has longer than for a read: one late answer is no outage.
    ///
    /// # Errors
    /// [`Unreachable`] when it does not.
    pub async fn ping(&self) -> Result<(), Unreachable> {
        self.answer(redis::cmd("PING"), PING_BUDGET).await.map(drop)
    }

    /// The reply to one command, unless it is a refusal: that tells nothing about the key.
    async fn answer(&self, command: Cmd, budget: Duration) -> Result<Value, Unreachable> {
        match self.one(command, budget).await? {
            Value::ServerError(_) => Err(Unreachable::Failed),
            value => Ok(value),
        }
    }

    async fn one(&self, command: Cmd, budget: Duration) -> Result<Value, Unreachable> {
        self.exchange(|| pipeline([command.clone()]), budget).await?.pop().ok_or(Unreachable::Failed)
    }
}

fn command(verb: &str, name: &str) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(name);
    command
}
