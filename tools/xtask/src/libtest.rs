//! Parses the output of Rust's test harness and of `cargo test`.

use std::fmt;
use std::mem;

/// The results of test binaries, parsed from their output line by line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestResults {
    passed: u64,
    failed: u64,
    ignored: u64,
    pub(crate) failures: Vec<Failure>,
    /// Whether the next line may belong to a list of failed tests.
    in_list: bool,
    /// The failed tests of the current binary.
    names: Vec<String>,
}

/// A test that failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The arguments with which `cargo test` selects the binary, such as `-p emulator --lib`.
    pub(crate) binary: String,
    /// The name of the test, or [`NO_TEST`].
    pub(crate) test: String,
}

/// The placeholder for the name of a test if a binary fails without naming a failed test.
pub(crate) const NO_TEST: &str = "(no failed test, but the binary ended with an error)";

impl TestResults {
    /// Parses the next line of the output of `cargo test --no-fail-fast` or of a test binary.
    pub(crate) fn parse_line(&mut self, line: &str) {
        let line = without_colours(line);
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.parse_counts(counts);
        } else if line == "failures:" {
            // The harness prints two such lists. The first has the output of the tests, and the
            // second has only their names.
            self.names.clear();
            self.in_list = true;
        } else if let (true, Some(name)) = (self.in_list, line.strip_prefix("    ")) {
            self.names.push(name.to_owned());
        } else if let Some((_, binary)) = line.split_once("test failed, to rerun pass `") {
            self.end_failed_binary(binary.trim_end_matches('`'));
        } else if !line.is_empty() {
            self.in_list = false;
        }
    }

    /// Ends the output of a failed binary, and attributes the tests in its list to it. For the
    /// output of `cargo test`, `parse_line` calls this.
    pub(crate) fn end_failed_binary(&mut self, binary: &str) {
        self.in_list = false;
        let mut tests = mem::take(&mut self.names);
        if tests.is_empty() {
            tests.push(NO_TEST.to_owned());
        }
        self.failures.extend(tests.into_iter().map(|test| Failure { binary: binary.to_owned(), test }));
    }

    /// Parses counts such as `FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; …`.
    fn parse_counts(&mut self, counts: &str) {
        let words: Vec<&str> = counts.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let [count, what] = pair else { continue };
            let Ok(count) = count.parse::<u64>() else { continue };
            match *what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
        self.in_list = false;
    }
}

/// Shows the counts, and below them the failed tests.
impl fmt::Display for TestResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)?;
        if !self.failures.is_empty() {
            writeln!(f, "\nfailed:")?;
        }
        self.failures.iter().try_for_each(|Failure { binary, test }| writeln!(f, "  {binary}: {test}"))
    }
}

/// Removes the escape sequences that cargo uses for colours.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    std::iter::once(first).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m unittests src/lib.rs (target/debug/deps/emulator-1)

running 3 tests
test log::a ... ok
test pool::b ... FAILED
test pool::c ... ignored

failures:

---- pool::b stdout ----
failures:
    not a test
no

failures:
    pool::b

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s

\u{1b}[1m\u{1b}[91merror\u{1b}[0m: test failed, to rerun pass `-p emulator --lib`
     Running tests/it/main.rs (target/debug/deps/it-2)

running 2 tests
error: test failed, to rerun pass `-p api-tests --test it`

Caused by:
  process didn't exit successfully: `it-2` (signal: 6, SIGABRT: process abort signal)
   Doc-tests shared

running 1 test
test shared/src/lib.rs - (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.20s

error: 2 targets failed:
    `-p emulator --lib`
    `-p api-tests --test it`
";

    #[test]
    fn failed_tests_are_listed_with_their_binaries() {
        let mut results = TestResults::default();
        OUTPUT.lines().for_each(|line| results.parse_line(line));
        let expected = format!(
            "2 passed, 1 failed, 1 ignored\n\nfailed:\n  -p emulator --lib: pool::b\n  -p api-tests --test it: {NO_TEST}\n"
        );
        assert_eq!(results.to_string(), expected);
    }

    #[test]
    fn without_failures_only_the_counts_are_shown() {
        let mut results = TestResults::default();
        results.parse_line("test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 1 filtered out");
        assert_eq!(results.to_string(), "12 passed, 0 failed, 3 ignored\n");
    }
}
