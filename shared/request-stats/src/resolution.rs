//! The two resolutions of stored aggregates: minutes for windows of up to six hours, and hours for
//! windows of up to a day.

use crate::minute::{Minute, day};

/// The length of the period that an aggregate covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolution {
    /// One minute, for windows of up to six hours.
    Minute,
    /// One hour of UTC, for windows of more than six hours.
    Hour,
}

impl Resolution {
    pub(crate) const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    pub(crate) const fn minutes(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
        }
    }

    /// Returns the partition key in the table for the period that contains `minute`.
    pub(crate) fn partition(self, minute: Minute) -> String {
        match self {
            Self::Minute => format!("minute#{}", minute.hour()),
            Self::Hour => format!("hour#{}", day(minute.start())),
        }
    }

    /// Returns the name of the period in the sort key. Names sort chronologically.
    pub(crate) fn name(self, minute: Minute) -> String {
        match self {
            Self::Minute => minute.name(),
            Self::Hour => minute.hour(),
        }
    }

    /// Returns the first minute of the period with this name.
    pub(crate) fn parse(self, name: &str) -> Option<Minute> {
        match self {
            Self::Minute => Minute::parse(name),
            Self::Hour => Minute::parse(&format!("{name}:00")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_period_is_parsed_to_its_first_minute() {
        let minute = Minute::of("2026-11-26T09:05:59Z".parse().unwrap());
        let [minutes, hours] =
            Resolution::ALL.map(|resolution| (resolution.partition(minute), resolution.name(minute)));
        assert_eq!(minutes, ("minute#2026-11-26T09".to_owned(), "2026-11-26T09:05".to_owned()));
        assert_eq!(hours, ("hour#2026-11-26".to_owned(), "2026-11-26T09".to_owned()));
        for resolution in Resolution::ALL {
            assert_eq!(resolution.parse(&resolution.name(minute)), Some(minute.round_down(resolution.minutes())));
        }
    }
}
