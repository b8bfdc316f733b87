//! Computes quantiles of measured durations.

use std::time::Duration;

/// A set of values, most often durations in microseconds, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Distribution(Vec<f64>);

impl Distribution {
    /// Sorts the values, and drops those that are not finite.
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub(crate) fn from_durations(durations: impl IntoIterator<Item = Duration>) -> Self {
        Self::new(durations.into_iter().map(micros).collect())
    }

    /// Returns the value that `share` of the values do not exceed, interpolated between the two
    /// nearest values (Hyndman and Fan, type 7). Returns NaN if there are no values.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is far below 2^52 and not negative"
    )]
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let rank = share.clamp(0.0, 1.0) * self.0.len().saturating_sub(1) as f64;
        let at = |rank: f64| self.0.get(rank as usize).copied().unwrap_or(f64::NAN);
        let (below, above) = (at(rank.floor()), at(rank.ceil()));
        below + (above - below) * rank.fract()
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// Converts a duration to microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Formats microseconds as milliseconds, and NaN as a dash.
pub(crate) fn milliseconds(micros: f64) -> String {
    if micros.is_nan() { "–".to_owned() } else { format!("{:.1}", micros / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_nearest_values() {
        let distribution = Distribution::new(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!((distribution.quantile(0.0), distribution.median(), distribution.quantile(1.0)), (1.0, 2.5, 4.0));
        assert_eq!(Distribution::new((0..=100).map(f64::from).collect()).quantile(0.99), 99.0);
    }

    #[test]
    fn without_values_there_is_no_quantile() {
        assert!(Distribution::new(vec![f64::NAN]).median().is_nan());
    }
}
