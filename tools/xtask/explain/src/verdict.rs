//! Evaluates query plans.

use std::fmt;

use dev_servers::QueryPlan;
use shared::domain::statements::Exception;

/// A criterion, and whether the plan meets it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    criterion: &'static str,
    text: String,
    pub(super) is_good: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", if self.is_good { '✓' } else { '✗' }, self.criterion, self.text)
    }
}

/// Evaluates a plan by its indexes, scans and sorts. `exceptions` lists the scans and sorts that
/// the statement does on purpose.
pub(super) fn evaluate(plan: &QueryPlan, exceptions: &[Exception]) -> Vec<Finding> {
    let mut findings = vec![index(plan, exceptions)];
    findings.extend(plan.scans.iter().map(|table| scan(table, exceptions)));
    if plan.scans.is_empty() {
        findings.push(Finding { criterion: "sequential scan", text: "none".to_owned(), is_good: true });
    }
    let reason = exceptions.iter().find_map(|exception| match exception {
        Exception::Sort(reason) => Some(reason),
        Exception::Scan(..) => None,
    });
    let (text, is_good) = match (plan.sorts, reason) {
        (0, _) => ("none".to_owned(), true),
        (sorts, Some(reason)) => (format!("{sorts}, on purpose: {reason}"), true),
        (sorts, None) => (sorts.to_string(), false),
    };
    findings.push(Finding { criterion: "sort", text, is_good });
    findings
}

fn index(plan: &QueryPlan, exceptions: &[Exception]) -> Finding {
    let names: Vec<&str> = plan.indexes.iter().map(String::as_str).collect();
    let (text, is_good) = match (names.as_slice(), plan.scans.is_empty()) {
        ([], true) => ("none needed, no table is read".to_owned(), true),
        ([], false) => ("none".to_owned(), plan.scans.iter().all(|table| reason(table, exceptions).is_some())),
        (names, _) => (names.join(", "), true),
    };
    Finding { criterion: "index", text, is_good }
}

fn scan(table: &str, exceptions: &[Exception]) -> Finding {
    let (text, is_good) = match reason(table, exceptions) {
        Some(reason) => (format!("{table}, on purpose: {reason}"), true),
        None => (table.to_owned(), false),
    };
    Finding { criterion: "sequential scan", text, is_good }
}

fn reason(table: &str, exceptions: &[Exception]) -> Option<&'static str> {
    exceptions.iter().find_map(|exception| match exception {
        Exception::Scan(name, reason) if *name == table => Some(*reason),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str, exceptions: &[Exception]) -> Vec<String> {
        evaluate(&QueryPlan::parse(text), exceptions).iter().map(ToString::to_string).collect()
    }

    const SCAN: &str = "Sort  (cost=1)\n  ->  Seq Scan on users u  (cost=1)";
    const INDEX: &str = "Index Scan using users_pkey on users  (cost=1)";

    #[test]
    fn an_index_without_a_scan_or_a_sort_is_good() {
        assert_eq!(verdict(INDEX, &[]), ["✓ index: users_pkey", "✓ sequential scan: none", "✓ sort: none"]);
        assert_eq!(verdict("Result  (cost=0)", &[])[0], "✓ index: none needed, no table is read");
    }

    #[test]
    fn a_scan_and_a_sort_are_bad_unless_they_are_exceptions() {
        assert_eq!(verdict(SCAN, &[]), ["✗ index: none", "✗ sequential scan: users", "✗ sort: 1"]);
        let exceptions = [Exception::Scan("users", "all of them"), Exception::Sort("few")];
        let expected =
            ["✓ index: none", "✓ sequential scan: users, on purpose: all of them", "✓ sort: 1, on purpose: few"];
        assert_eq!(verdict(SCAN, &exceptions), expected);
    }

    #[test]
    fn an_exception_for_one_table_does_not_apply_to_another() {
        let exceptions = [Exception::Scan("sessions", "few")];
        assert_eq!(verdict(SCAN, &exceptions)[1], "✗ sequential scan: users");
    }
}
