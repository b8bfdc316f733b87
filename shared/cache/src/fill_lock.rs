//! A lock for filling a record that is expensive to compute. If several callers miss the record at
//! the same time, one computes it while the others wait.
//!
//! The lock is best effort and only saves cost: without Redis, every caller computes the record.

use std::time::Duration;

use redis::Value;

use super::{Cache, FILL_BUDGET, FillPermit, Key, READ_BUDGET, guard, pipeline};

/// A lock on computing a record, until it is released or expires.
#[derive(Debug)]
#[must_use = "a lock that is not released makes other callers wait until it expires"]
pub struct FillLock {
    name: String,
    nonce: String,
}

impl Cache {
    /// Locks the filling of a record. Returns `None` while another caller has the lock.
    ///
    /// The lock is the key `<record>:fill` in Redis and expires after `ttl`. If Redis does not
    /// reply within 25 ms, the caller gets the lock, so that the record is computed at least once.
    pub async fn fill_lock(&self, key: &Key, ttl: Duration) -> Option<FillLock> {
        let lock =
            FillLock { name: format!("{}:fill", key.record()), nonce: uuid::Uuid::new_v4().simple().to_string() };
        let command = || {
            let mut command = redis::cmd("SET");
            command.arg(&lock.name).arg(&lock.nonce).arg("NX");
            command.arg("PX").arg(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
            pipeline([command])
        };
        match self.exchange(command, READ_BUDGET).await.as_deref() {
            Ok([Value::Nil]) => None,
            // A caller that cannot reach Redis computes the record: twice is better than never.
            _ => Some(lock),
        }
    }

    /// Releases the lock in the background, so that other callers need not wait any longer. Has no
    /// effect if the lock has expired.
    ///
    /// # Panics
    /// Panics if called outside a Tokio runtime.
    pub fn unlock(&self, lock: FillLock) {
        self.send_detached(move |_| Some(guard::drop_if_mine(&lock.name, lock.nonce)));
    }

    /// Fills a record as [`fill`](Self::fill) does, and returns when Redis has stored it, or after
    /// 15 ms.
    pub async fn fill_now(&self, permit: &FillPermit, body: &[u8]) {
        if let Some(command) = permit.record(&self.shared.cipher, body) {
            self.shared.client.send_detached(&pipeline([command]), FILL_BUDGET).await;
        }
    }
}
