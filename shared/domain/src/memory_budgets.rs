//! The memory budgets of the cache families.

use super::conversation::{ANSWERS, CONVERSATIONS};
use super::journal::{INSIGHTS, LISTS};
use super::profile::PROFILES;
use super::session::SESSIONS;

const MIB: u64 = 1024 * 1024;

/// Each family: the name in its metrics, the prefixes of its keys, and its budget in bytes.
///
/// The budgets together stay below the 256 MiB of the smallest supported cache, with room for the
/// counters of sign-ins and for Redis itself. Nothing is rejected at the limit. A family above its
/// budget is reported, before Redis evicts the records of other families.
pub const MEMORY_BUDGETS: [(&str, &[&str], u64); 5] = [
    // About 400 bytes each, which is enough for 60,000 users at the same time.
    (SESSIONS.prefix, &[SESSIONS.prefix], 24 * MIB),
    // One or two kilobytes each, for an hour.
    (PROFILES.prefix, &[PROFILES.prefix], 24 * MIB),
    // Up to 16 kilobytes each, for a day.
    (ANSWERS.prefix, &[ANSWERS.prefix], 64 * MIB),
    // A few kilobytes for a page of the history, for half an hour.
    (CONVERSATIONS.prefix, &[CONVERSATIONS.prefix], 48 * MIB),
    // Pages of entries are the largest records, but they expire after five minutes.
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
