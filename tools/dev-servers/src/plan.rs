//! What a plan does, read from the text that `EXPLAIN` and `auto_explain` write.
//!
//! A plan counts as it was made: a step that this run happened not to need ("never executed") may be needed by the next.

use std::collections::BTreeSet;

/// What matters of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The indexes that are used.
    pub indexes: BTreeSet<String>,
    /// The tables that are read from one end to the other.
    pub scans: BTreeSet<String>,
    /// The tables of which rows are collected from an index before they are read, which loses the index's order.
    pub bitmaps: BTreeSet<String>,
    /// How many steps sort.
    pub sorts: usize,
}

impl Plan {
    /// Reads a plan in the format TEXT. Lines that are no step of a plan are passed over.
    pub fn parse(text: &str) -> Self {
        let mut plan = Self::default();
        for step in text.lines().filter_map(step) {
            plan.add(step);
        }
        plan
    }

    fn add(&mut self, step: &str) {
        let step = step.strip_prefix("Parallel ").unwrap_or(step);
        let word = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
        if let Some(table) = step.strip_prefix("Seq Scan on ") {
            self.scans.insert(word(table));
        } else if let Some(index) = step.strip_prefix("Bitmap Index Scan on ") {
            self.indexes.insert(word(index));
        } else if let Some(table) = step.strip_prefix("Bitmap Heap Scan on ") {
            self.bitmaps.insert(word(table));
        } else if let Some((_, index)) = step.split_once(" using ").filter(|(kind, _)| kind.starts_with("Index ")) {
            self.indexes.insert(word(index));
        } else if step == "Sort" || step == "Incremental Sort" {
            self.sorts += 1;
        }
    }
}

/// The name of the step on this line: what stands between the arrow and the costs.
fn step(line: &str) -> Option<&str> {
    let (step, _) = line.split_once("  (cost=")?;
    Some(step.trim_start().trim_start_matches("->").trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_page_from_an_index_neither_scans_nor_sorts() {
        let text = "\
Nested Loop Left Join  (cost=0.85..9.03 rows=20 width=300) (actual time=0.05..0.09 rows=20 loops=1)
  Buffers: shared hit=12
  CTE session
    ->  Index Scan using users_pkey on users  (cost=0.29..8.31 rows=1 width=24) (actual time=0.01..0.01 rows=1 loops=1)
          Index Cond: (id = '0'::uuid)
  ->  Limit  (cost=0.42..5.46 rows=20 width=290) (actual time=0.02..0.04 rows=20 loops=1)
        ->  Index Only Scan Backward using ix_journal_entries_user_created on journal_entries  (cost=0.42..1.0 rows=9 width=9)
Planning Time: 0.3 ms";
        let indexes = set(&["ix_journal_entries_user_created", "users_pkey"]);
        assert_eq!(Plan::parse(text), Plan { indexes, ..Plan::default() });
    }

    #[test]
    fn scans_bitmaps_and_sorts_are_found_also_in_parallel_and_where_they_were_not_needed() {
        let text = "\
Sort  (cost=1.0..2.0 rows=1 width=8)
  Sort Key: e.created_at DESC
  Sort Method: quicksort  Memory: 25kB
  ->  Incremental Sort  (cost=1.0..2.0 rows=1 width=8)
        ->  Parallel Seq Scan on journal_entries e  (cost=0.00..1.00 rows=1 width=8)
        ->  Seq Scan on sessions  (cost=0.00..1.00 rows=1 width=8) (never executed)
  ->  Parallel Bitmap Heap Scan on users u  (cost=0.00..1.00 rows=1 width=8)
        ->  Bitmap Index Scan on ix_users_email  (cost=0.00..1.00 rows=1 width=8)";
        let expected = Plan {
            indexes: set(&["ix_users_email"]),
            scans: set(&["journal_entries", "sessions"]),
            bitmaps: set(&["users"]),
            sorts: 2,
        };
        assert_eq!(Plan::parse(text), expected);
    }

    #[test]
    fn the_statement_that_auto_explain_repeats_is_no_step() {
        let text = "duration: 1 ms  plan:\nQuery Text: SELECT 1 -- Seq Scan on users\nResult  (cost=0.00..0.01 rows=1 width=4)";
        assert_eq!(Plan::parse(text), Plan::default());
    }
}
