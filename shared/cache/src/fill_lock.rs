//! A lock on filling a record that is expensive to make: if many callers miss it at once, one makes it and the others wait.
//!
//! Best effort. Only the cost depends on it: without Redis, every caller makes the record.

use std::time::Duration;

use redis::Value;

use super::{Cache, FILL_BUDGET, FillPermit, Key, READ_BUDGET, guard, pipeline};

/// The right to make a record, until it is released or expires.
#[derive(Debug)]
#[must_use = "a lock that is not released keeps others waiting"]
pub struct FillLock {
    name: String,
    nonce: String,
}

impl Cache {
    /// Locks the filling of a key's record, as `{record}:fill`. Returns `None` while another caller has the lock.
    pub async fn fill_lock(&self, key: &Key, lapses: Duration) -> Option<FillLock> {
        let lock =
            FillLock { name: format!("{}:fill", key.record()), nonce: uuid::Uuid::new_v4().simple().to_string() };
        let command = || {
            let mut command = redis::cmd("SET");
            command.arg(&lock.name).arg(&lock.nonce).arg("NX");
            command.arg("PX").arg(u64::try_from(lapses.as_millis()).unwrap_or(u64::MAX));
            pipeline([command])
        };
        match self.exchange(command, READ_BUDGET).await.as_deref() {
            Ok([Value::Nil]) => None,
            // A caller that cannot reach Redis makes the record: twice is better than not at all.
            _ => Some(lock),
        }
    }

    /// Releases the lock, so that other callers need not wait any longer. Does not wait for Redis.
    pub fn unlock(&self, lock: FillLock) {
        self.send_detached(move |_| Some(guard::drop_if_mine(&lock.name, lock.nonce)));
    }

    /// Fills a record in like [`fill`](Self::fill), and returns when Redis has it, or after a few milliseconds.
    pub async fn fill_now(&self, permit: &FillPermit, body: &[u8]) {
        if let Some(command) = permit.record(&self.shared.cipher, body) {
            self.shared.client.send_detached(&pipeline([command]), FILL_BUDGET).await;
        }
    }
}
