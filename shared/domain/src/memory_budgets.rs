//! How much of the cache each family may take up.

use super::conversation::{ANSWERS, CONVERSATIONS};
use super::journal::{INSIGHTS, LISTS};
use super::profile::PROFILES;
use super::session::SESSIONS;

const MIB: u64 = 1024 * 1024;

/// Each family: what its metrics are called, how the names of its keys begin, and its budget in bytes.
///
/// Together they stay below the 256 MiB of the smallest cache that we run on, with room for the
/// counters of log-ins and for what Redis needs itself. Nothing is refused at the limit: a family above it is seen, before Redis evicts others
/// for its sake.
pub const MEMORY_BUDGETS: [(&str, &[&str], u64); 5] = [
    // Some 400 bytes each: sixty thousand people at a time.
    (SESSIONS.prefix, &[SESSIONS.prefix], 24 * MIB),
    // A kilobyte or two each, for an hour.
    (PROFILES.prefix, &[PROFILES.prefix], 24 * MIB),
    // Up to sixteen kilobytes each, for a day.
    (ANSWERS.prefix, &[ANSWERS.prefix], 64 * MIB),
    // A page of the history is some kilobytes, for half an hour.
    (CONVERSATIONS.prefix, &[CONVERSATIONS.prefix], 48 * MIB),
    // Pages are the largest of all, but live for five minutes only.
    (LISTS.prefix, &[LISTS.prefix, INSIGHTS], 64 * MIB),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budgets_fit_into_the_smallest_cache() {
        assert!(MEMORY_BUDGETS.iter().map(|(_, _, bytes)| bytes).sum::<u64>() <= 240 * MIB);
    }
}
