//! Steps that take a while, as a person sees them.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A step that is under way: a spinner with what is being done, and in the end one line that stays.
#[derive(Debug)]
pub(crate) struct Step {
    bar: ProgressBar,
    began: Instant,
}

impl Step {
    pub(crate) fn begin(what: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, began: Instant::now() }
    }

    /// A line that stays above the spinner.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| println!("  {line}"));
    }

    /// Replaces the spinner by a line with the time it took.
    pub(crate) fn done(self, what: &str) {
        self.bar.finish_and_clear();
        println!("✓ {what} ({})", seconds(self.began.elapsed()));
    }
}

/// A step that ends without `done` failed; the error is printed by whoever handles it.
impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `0.3 s`, or `4 min 07 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    if duration.as_secs() < 60 {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_person_says_them() {
        assert_eq!(seconds(Duration::from_millis(340)), "0.3 s");
        assert_eq!(seconds(Duration::from_secs(247)), "4 min 07 s");
    }
}
