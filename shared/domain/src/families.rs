//! The families of cached records: their prefixes, times to live and memory budgets.

use std::time::Duration;

use cache::Family;

pub(crate) const SESSIONS: Family = Family { prefix: "session", ttl: Duration::from_secs(300) };
pub(crate) const PROFILES: Family = Family { prefix: "user:profile", ttl: Duration::from_secs(3600) };
/// Everything that is read from a journal.
pub(crate) const LISTS: Family = Family { prefix: "journal:list", ttl: Duration::from_secs(300) };
/// The prefix of the keys of insights, which belong to the family [`LISTS`].
pub(crate) const INSIGHTS: &str = "journal:insights";
pub(crate) const CONVERSATIONS: Family = Family { prefix: "conversation", ttl: Duration::from_secs(30 * 60) };
/// The model's replies. They depend on the profile and the conversation, so a changed profile and a
/// cleared conversation drop their guard.
pub(crate) const ANSWERS: Family = Family { prefix: "ai:response", ttl: Duration::from_secs(24 * 3600) };

/// Every family. The deletion of an account drops the records of all of them.
pub(crate) const FAMILIES: [Family; 5] = [SESSIONS, PROFILES, LISTS, CONVERSATIONS, ANSWERS];

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
    fn every_family_has_a_budget() {
        let mut budgets: Vec<&str> = MEMORY_BUDGETS.iter().map(|(name, _, _)| *name).collect();
        let mut families: Vec<&str> = FAMILIES.iter().map(|family| family.prefix).collect();
        budgets.sort_unstable();
        families.sort_unstable();
        assert_eq!(budgets, families);
    }

    #[test]
    fn the_budgets_fit_into_the_smallest_cache() {
        assert!(MEMORY_BUDGETS.iter().map(|(_, _, bytes)| bytes).sum::<u64>() <= 240 * MIB);
    }
}
