//! Shows progress on the terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A step that takes a while. A spinner shows it, and one line replaces the spinner at the end.
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

    /// Prints a line above the spinner.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| println!("  {line}"));
    }

    /// Replaces the spinner with a line that has the elapsed time.
    pub(crate) fn done(self, what: &str) {
        self.bar.finish_and_clear();
        println!("✓ {what} ({})", seconds(self.began.elapsed()));
    }
}

/// Removes the spinner of a step that failed before `done`. The caller prints the error.
impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Returns a progress bar in the style of this `indicatif` template.
pub(crate) fn progress_bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Formats a duration, such as `0.3 s` or `4 min 07 s`.
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
    fn durations_are_in_seconds_or_minutes() {
        assert_eq!(seconds(Duration::from_millis(340)), "0.3 s");
        assert_eq!(seconds(Duration::from_secs(247)), "4 min 07 s");
    }
}
