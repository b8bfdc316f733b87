//! A claim on making a record that costs much: of many who miss it at once one makes it, and the others wait for it.
//!
//! Best effort. Nothing but the cost depends on it: without Redis everybody makes it.

use std::time::Duration;

use redis::Value;

use super::{Cache, FILL_BUDGET, Key, READ_BUDGET, Slot, guard, pipeline};

/// The right to make a record, until it is released or lapses.
#[derive(Debug)]
#[must_use = "a claim that is not released keeps others waiting"]
pub struct Claim {
    name: String,
    nonce: String,
}

impl Cache {
    /// Claims the making of a key's record, as `{record}:fill`, unless somebody else has.
    pub async fn claim(&self, key: &Key, lapses: Duration) -> Option<Claim> {
        let claim = Claim { name: format!("{}:fill", key.record()), nonce: uuid::Uuid::new_v4().simple().to_string() };
        let command = || {
            let mut command = redis::cmd("SET");
            command.arg(&claim.name).arg(&claim.nonce).arg("NX");
            command.arg("PX").arg(u64::try_from(lapses.as_millis()).unwrap_or(u64::MAX));
            pipeline([command])
        };
        match self.exchange(command, READ_BUDGET).await.as_deref() {
            Ok([Value::Nil]) => None,
            // Whoever cannot be told makes it: twice is better than not at all.
            _ => Some(claim),
        }
    }

    /// Gives the claim back, so that whoever waits need not wait any longer. Nobody waits for it.
    pub fn release(&self, claim: Claim) {
        self.offer(move |_| Some(guard::drop_if_mine(&claim.name, claim.nonce)));
    }

    /// Fills a record in like [`fill`](Self::fill), and returns when Redis has it, or after a few milliseconds.
    pub async fn fill_now(&self, slot: &Slot, body: &[u8]) {
        if let Some(command) = slot.record(&self.shared.sealer, body) {
            self.shared.client.offer(&pipeline([command]), FILL_BUDGET).await;
        }
    }
}
