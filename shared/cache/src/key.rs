//! The names of records and guards.

use std::time::Duration;

use uuid::Uuid;

/// A family of records, which share a prefix, a time to live and, for each owner, a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The prefix of the names of the guards, such as `journal:list`.
    pub prefix: &'static str,
    /// The time to live of a record, in whole seconds: at least one second and less than 25 hours,
    /// the time to live of a guard.
    pub ttl: Duration,
}

impl Family {
    /// Returns the name of an owner's guard, `<prefix>:<owner>:guard`.
    pub fn guard(&self, owner: Uuid) -> String {
        format!("{}:{owner}:guard", self.prefix)
    }

    /// Returns the key of one record of an owner. The name of the record is used without changes
    /// and must be unique in Redis.
    pub fn key(&self, owner: Uuid, record: String) -> Key {
        Key { record, guard: self.guard(owner), family: *self }
    }
}

/// The name of a record, with its guard and its family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    record: String,
    guard: String,
    family: Family,
}

impl Key {
    /// Returns the name of the record in Redis.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// Returns the name of the guard in Redis.
    pub fn guard(&self) -> &str {
        &self.guard
    }

    /// Returns the time to live of the record.
    pub fn ttl(&self) -> Duration {
        self.family.ttl
    }

    /// Returns the prefix of the family, which also names the family in metrics.
    pub fn family(&self) -> &'static str {
        self.family.prefix
    }
}
