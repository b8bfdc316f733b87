//! Names of records and guards.

use std::time::Duration;

use uuid::Uuid;

/// A family of records: what they have in common are a prefix, a time to live and, for each owner, a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// What the guards' names begin with, such as `journal:list`.
    pub prefix: &'static str,
    /// How long a record lives; the guard outlives it.
    pub ttl: Duration,
}

impl Family {
    /// The name of an owner's guard: `{prefix}:{owner}:guard`.
    pub fn guard(&self, owner: Uuid) -> String {
        format!("{}:{owner}:guard", self.prefix)
    }

    /// The key of one record of an owner. The record's name is the caller's, byte for byte.
    pub fn key(&self, owner: Uuid, record: String) -> Key {
        Key { record, guard: self.guard(owner), family: *self }
    }
}

/// A record's name, the guard it stands behind, and its time to live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    record: String,
    guard: String,
    family: Family,
}

impl Key {
    /// The record's name in Redis.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// The guard's name in Redis.
    pub fn guard(&self) -> &str {
        &self.guard
    }

    /// How long the record lives.
    pub fn ttl(&self) -> Duration {
        self.family.ttl
    }

    /// What the record's family is called, in keys and in metrics.
    pub fn family(&self) -> &'static str {
        self.family.prefix
    }
}
