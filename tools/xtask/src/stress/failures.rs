//! Counts the failures of all runs.

use std::collections::BTreeMap;
use std::fmt;

use crate::libtest::Failure;
use crate::table::Table;

/// The number of failures of each test, and the number of runs of each binary.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// The number of runs of each binary.
    runs: BTreeMap<String, u32>,
    /// The number of failures by binary and test.
    failed: BTreeMap<(String, String), u32>,
}

impl Failures {
    /// Adds a run of a binary.
    pub(crate) fn add(&mut self, binary: &str, failures: &[Failure]) {
        *self.runs.entry(binary.to_owned()).or_default() += 1;
        for Failure { binary, test } in failures {
            *self.failed.entry((binary.clone(), test.clone())).or_default() += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Shows the tests that failed, the most frequent failures first.
impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.runs.is_empty() {
            return Ok(());
        }
        if self.is_empty() {
            let runs: u32 = self.runs.values().sum();
            return writeln!(f, "\nno test failed in {runs} runs");
        }
        let mut failed: Vec<_> = self.failed.iter().collect();
        failed.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut table = Table::new(&["test", "binary", "failed", "runs"]);
        for ((binary, test), count) in failed {
            let runs = self.runs.get(binary).copied().unwrap_or_default();
            table.row([test.clone(), binary.clone(), count.to_string(), runs.to_string()]);
        }
        write!(f, "\n{table}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failed_test_is_shown_with_its_number_of_failures() {
        let failure = |test: &str| Failure { binary: "-p a --lib".to_owned(), test: test.to_owned() };
        let mut failures = Failures::default();
        failures.add("-p a --lib", &[failure("one")]);
        failures.add("-p b --lib", &[]);
        failures.add("-p a --lib", &[failure("one"), failure("two")]);
        failures.add("-p a --lib", &[]);
        let expected = "
| test |     binary | failed | runs |
| ---- | ---------: | -----: | ---: |
| one  | -p a --lib |      2 |    3 |
| two  | -p a --lib |      1 |    3 |
";
        assert_eq!(failures.to_string(), expected);
    }

    #[test]
    fn without_failures_the_runs_are_counted() {
        let mut failures = Failures::default();
        assert_eq!(failures.to_string(), "");
        failures.add("-p a --lib", &[]);
        failures.add("-p a --lib", &[]);
        assert_eq!(failures.to_string(), "\nno test failed in 2 runs\n");
    }
}
