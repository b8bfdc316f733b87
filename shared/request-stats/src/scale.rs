//! How much time an aggregate is of: minutes for what is looked at closely, hours for a day.

use crate::minute::{Minute, day};

/// The length of an aggregate's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// A minute.
    Minute,
    /// An hour of UTC.
    Hour,
}

impl Scale {
    pub(crate) const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    pub(crate) const fn minutes(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
        }
    }

    /// Which partition of the table holds the time that a minute is in.
    pub(crate) fn partition(self, minute: Minute) -> String {
        match self {
            Self::Minute => format!("minute#{}", minute.hour()),
            Self::Hour => format!("hour#{}", day(minute.start())),
        }
    }

    /// What that time is called there, which sorts as time does.
    pub(crate) fn name(self, minute: Minute) -> String {
        match self {
            Self::Minute => minute.name(),
            Self::Hour => minute.hour(),
        }
    }

    /// The first minute of the time that is called so.
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
    fn a_time_has_a_place_and_can_be_read_back() {
        let minute = Minute::of("2026-11-26T09:05:59Z".parse().unwrap());
        let [close, far] = Scale::ALL.map(|scale| (scale.partition(minute), scale.name(minute)));
        assert_eq!(close, ("minute#2026-11-26T09".to_owned(), "2026-11-26T09:05".to_owned()));
        assert_eq!(far, ("hour#2026-11-26".to_owned(), "2026-11-26T09".to_owned()));
        for scale in Scale::ALL {
            assert_eq!(scale.parse(&scale.name(minute)), Some(minute.rounded_to(scale.minutes())));
        }
    }
}
