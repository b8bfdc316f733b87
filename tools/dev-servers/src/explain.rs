//! Query plans, parsed from the text that `EXPLAIN` and `auto_explain` print.
//!
//! Steps that were not executed ("never executed") count too, because the next run may need them.

use std::collections::BTreeSet;

/// The properties of a query plan that decide its cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryPlan {
    /// The indexes that the plan uses.
    pub indexes: BTreeSet<String>,
    /// The tables that the plan reads completely.
    pub scans: BTreeSet<String>,
    /// The tables whose rows are collected from an index before they are read. This loses the order
    /// of the index.
    pub bitmaps: BTreeSet<String>,
    /// The number of steps that sort.
    pub sorts: usize,
}

impl QueryPlan {
    /// Parses a plan in the text format of `EXPLAIN`. Lines that are not steps of a plan are
    /// skipped.
    pub fn parse(text: &str) -> Self {
        let mut plan = Self::default();
        for step in text.lines().filter_map(parse_step) {
            plan.add_step(step);
        }
        plan
    }

    fn add_step(&mut self, step: &str) {
        let step = step.strip_prefix("Parallel ").unwrap_or(step);
        let first_word = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
        if let Some(table) = step.strip_prefix("Seq Scan on ") {
            self.scans.insert(first_word(table));
        } else if let Some(index) = step.strip_prefix("Bitmap Index Scan on ") {
            self.indexes.insert(first_word(index));
        } else if let Some(table) = step.strip_prefix("Bitmap Heap Scan on ") {
            self.bitmaps.insert(first_word(table));
        } else if let Some((_, index)) = step.split_once(" using ").filter(|(kind, _)| kind.starts_with("Index ")) {
            self.indexes.insert(first_word(index));
        } else if step == "Sort" || step == "Incremental Sort" {
            self.sorts += 1;
        }
    }
}

/// Parses the step on a line, which is the text between the arrow and the costs.
fn parse_step(line: &str) -> Option<&str> {
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
        assert_eq!(QueryPlan::parse(text), QueryPlan { indexes, ..QueryPlan::default() });
    }

    #[test]
    fn scans_bitmaps_and_sorts_are_found_even_if_parallel_or_never_executed() {
        let text = "\
Sort  (cost=1.0..2.0 rows=1 width=8)
  Sort Key: e.created_at DESC
  Sort Method: quicksort  Memory: 25kB
  ->  Incremental Sort  (cost=1.0..2.0 rows=1 width=8)
        ->  Parallel Seq Scan on journal_entries e  (cost=0.00..1.00 rows=1 width=8)
        ->  Seq Scan on sessions  (cost=0.00..1.00 rows=1 width=8) (never executed)
  ->  Parallel Bitmap Heap Scan on users u  (cost=0.00..1.00 rows=1 width=8)
        ->  Bitmap Index Scan on ix_users_email  (cost=0.00..1.00 rows=1 width=8)";
        let expected = QueryPlan {
            indexes: set(&["ix_users_email"]),
            scans: set(&["journal_entries", "sessions"]),
            bitmaps: set(&["users"]),
            sorts: 2,
        };
        assert_eq!(QueryPlan::parse(text), expected);
    }

    #[test]
    fn the_statement_that_auto_explain_prints_is_not_a_step() {
        let text = "duration: 1 ms  plan:\nQuery Text: SELECT 1 -- Seq Scan on users\nResult  (cost=0.00..0.01 rows=1 width=4)";
        assert_eq!(QueryPlan::parse(text), QueryPlan::default());
    }
}
