//! A minute of UTC.

use jiff::{Timestamp, ToSpan as _};

/// Minutes since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(i64);

impl Minute {
    /// The minute that a time falls into.
    pub fn of(time: Timestamp) -> Self {
        Self(time.as_second().div_euclid(60))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_mul(60)).unwrap_or(Timestamp::MAX)
    }

    /// So many minutes before this one.
    #[must_use]
    pub fn before(self, minutes: i64) -> Self {
        Self(self.0 - minutes)
    }

    /// The last one up to this that begins so many minutes, or a multiple of them, after 1970.
    #[must_use]
    pub(crate) fn rounded_to(self, minutes: i64) -> Self {
        Self(self.0 - self.0.rem_euclid(minutes))
    }

    /// From this one to another, both included.
    pub fn until(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }

    /// Minutes from an earlier one to this one.
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// The hour that it is in: `2026-11-26T09`.
    pub(crate) fn hour(self) -> String {
        self.start().strftime("%Y-%m-%dT%H").to_string()
    }

    /// `2026-11-26T09:05`, which sorts as time does.
    pub(crate) fn name(self) -> String {
        self.start().strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// The minute of such a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        format!("{name}:00Z").parse().ok().map(Self::of)
    }
}

/// The seconds of Unix time at which DynamoDB may delete what belongs to a time: 14 days later.
pub(crate) fn expiry(time: Timestamp) -> i64 {
    time.as_second().saturating_add(RETENTION_DAYS * 86_400)
}

/// How long anything is kept.
pub(crate) const RETENTION_DAYS: i64 = 14;

/// The day of a time: `2026-11-26`.
pub(crate) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// A time a day earlier.
pub(crate) fn day_before(time: Timestamp) -> Timestamp {
    time.checked_sub(24.hours()).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_a_name_that_sorts_and_can_be_read_back() {
        let time: Timestamp = "2026-11-26T09:05:59.999Z".parse().unwrap();
        let minute = Minute::of(time);
        assert_eq!((minute.hour().as_str(), minute.name().as_str()), ("2026-11-26T09", "2026-11-26T09:05"));
        assert_eq!(Minute::parse(&minute.name()), Some(minute));
        assert_eq!(minute.start().to_string(), "2026-11-26T09:05:00Z");
        assert!(minute.before(1).name() < minute.name());
        assert_eq!(minute.before(2).until(minute).count(), 3);
    }
}
