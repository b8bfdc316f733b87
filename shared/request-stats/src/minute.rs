//! A minute of UTC.

use jiff::{Timestamp, ToSpan as _};

/// The number of minutes since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Minute(i64);

impl Minute {
    /// Returns the minute that a time falls into.
    pub(crate) fn of(time: Timestamp) -> Self {
        Self(time.as_second().div_euclid(60))
    }

    /// Returns the first instant of the minute.
    pub(crate) fn start(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_mul(60)).unwrap_or(Timestamp::MAX)
    }

    /// Returns the minute that is `minutes` earlier.
    pub(crate) fn minus(self, minutes: i64) -> Self {
        Self(self.0 - minutes)
    }

    /// Rounds down to a multiple of `minutes` since 1970.
    pub(crate) fn round_down(self, minutes: i64) -> Self {
        Self(self.0 - self.0.rem_euclid(minutes))
    }

    /// Iterates from this minute to `last`, both included.
    pub(crate) fn through(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }

    /// Returns the number of minutes since an earlier one.
    pub(crate) fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Returns the name of the hour that contains this minute, such as `2026-11-26T09`.
    pub(crate) fn hour(self) -> String {
        self.start().strftime("%Y-%m-%dT%H").to_string()
    }

    /// Returns the name of the minute, such as `2026-11-26T09:05`. Names sort chronologically.
    pub(crate) fn name(self) -> String {
        self.start().strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// Parses a name that [`name`](Self::name) returned.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        format!("{name}:00Z").parse().ok().map(Self::of)
    }
}

/// Returns the time after which DynamoDB may delete an item of this time: 14 days later, in seconds
/// of Unix time.
pub(crate) fn expiry(time: Timestamp) -> i64 {
    time.as_second().saturating_add(RETENTION_DAYS * 86_400)
}

/// The retention of items, in days.
const RETENTION_DAYS: i64 = 14;

/// Returns the day of a time, such as `2026-11-26`.
pub(crate) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// Returns the time 24 hours earlier.
pub(crate) fn day_before(time: Timestamp) -> Timestamp {
    time.checked_sub(24.hours()).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_minute_sorts_chronologically_and_is_parsed_back() {
        let time: Timestamp = "2026-11-26T09:05:59.999Z".parse().unwrap();
        let minute = Minute::of(time);
        assert_eq!((minute.hour().as_str(), minute.name().as_str()), ("2026-11-26T09", "2026-11-26T09:05"));
        assert_eq!(Minute::parse(&minute.name()), Some(minute));
        assert_eq!(minute.start().to_string(), "2026-11-26T09:05:00Z");
        assert!(minute.minus(1).name() < minute.name());
        assert_eq!(minute.minus(2).through(minute).count(), 3);
    }
}
