//! Insights: a summary of the journal over a period of days in UTC.

use encoded_body::EncodedBody;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use utoipa::ToSchema;

use super::Journal;
use crate::authenticated;
use crate::error::{Error, Result};
use crate::query::sql;
use crate::request;
use crate::token::Token;
use crate::validation::{CallerId, OrDefault, integer_field};

/// The smallest change of the mood over the whole period that is a trend, on the scale from 1 to
/// 10.
const STABLE: f64 = 0.5;

request! {
    /// The period of the insights.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct InsightsPeriod {
        /// The number of days in the period, including today, from 1 to 365.
        days: OrDefault<Days>,
        /// The id of the user who is signed in, which older clients send. Any other id is rejected
        /// with 403.
        pub user_id: Option<CallerId>,
    }
}

integer_field!(
    /// A number of days.
    Days: i32, 1..=365, default 30
);

impl Journal<'_> {
    /// Returns insights from the caller's journal over the last `days` days.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the
    /// database is needed and unavailable.
    pub async fn insights(self, token: &Token, period: InsightsPeriod) -> Result<EncodedBody> {
        let key = super::insights_key(token.user_id(), period.days);
        let build = |rows: &[Row]| {
            let row = rows.first().ok_or_else(authenticated::session_expired)?;
            Insights::from_row(period, row)
        };
        let statement = sql::journal::Insights { days: period.days };
        authenticated::cached_read(self.store, token, &key, &statement, build).await
    }
}

/// A summary of the journal over the last `days` days.
#[derive(Debug, Serialize, ToSchema)]
#[schema(examples(json!({
    "days": 30,
    "entries_analyzed": 4,
    "mood_trend": "improving",
    "average_mood": 6.33,
    "mood_by_day": [
        {"date": "2026-10-31", "average_mood": 5.5, "entries": 2},
        {"date": "2026-11-01", "average_mood": 6.0, "entries": 1},
        {"date": "2026-11-02", "average_mood": 7.5, "entries": 1},
    ],
    "writing_streak": 3,
    "most_used_tags": [{"tag": "walk", "count": 3}, {"tag": "canal", "count": 1}],
})))]
pub struct Insights {
    /// The number of days in the period, including today.
    #[schema(minimum = 1, maximum = 365)]
    days: i32,
    /// The number of entries in the period.
    #[schema(minimum = 0)]
    entries_analyzed: i64,
    /// The trend of the daily averages.
    mood_trend: Trend,
    /// The mean of the daily averages, with two decimals, or null if no day has a mood.
    #[schema(required, minimum = 1.0, maximum = 10.0)]
    average_mood: Option<f64>,
    /// The days on which the user wrote entries, oldest first.
    #[schema(max_items = 365)]
    mood_by_day: Vec<Day>,
    /// The number of consecutive days with entries in the period, up to today or yesterday.
    #[schema(minimum = 0, maximum = 365)]
    writing_streak: usize,
    /// The ten most used tags, most used first.
    #[schema(max_items = 10)]
    most_used_tags: Vec<Tag>,
}

/// A day on which the user wrote entries.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MoodOfDay)]
struct Day {
    /// The day in UTC.
    date: Date,
    /// The mean mood of the entries, with two decimals, or null if no entry has a mood.
    #[schema(required, minimum = 1.0, maximum = 10.0)]
    average_mood: Option<f64>,
    /// The number of entries of the day.
    #[schema(minimum = 1)]
    entries: i64,
}

/// A tag, and the number of entries that have it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = TagCount)]
struct Tag {
    /// The text of the tag, 1 to 50 characters.
    tag: String,
    /// The number of entries in the period that have the tag.
    #[schema(minimum = 1)]
    count: i64,
}

/// The direction of a straight line fitted to the daily averages, from the first day with a mood to
/// the last. A change of less than 0.5 is `stable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MoodTrend)]
#[serde(rename_all = "lowercase")]
enum Trend {
    Improving,
    Stable,
    Declining,
}

impl Insights {
    fn from_row(period: InsightsPeriod, row: &Row) -> Result<Self> {
        let entries_analyzed = row.try_get("entries").map_err(Error::internal)?;
        let Json(mut mood_by_day): Json<Vec<Day>> = row.try_get("days").map_err(Error::internal)?;
        let Json(most_used_tags) = row.try_get("tags").map_err(Error::internal)?;
        let today: Date = row.try_get::<_, &str>("today").map_err(Error::internal)?.parse().map_err(Error::internal)?;
        let mood_trend = trend(&mood_by_day);
        let writing_streak = streak(today, &mood_by_day);
        let moods: Vec<f64> = mood_by_day.iter().filter_map(|day| day.average_mood).collect();
        mood_by_day.iter_mut().for_each(|day| day.average_mood = day.average_mood.map(rounded));
        Ok(Self {
            days: period.days,
            entries_analyzed,
            mood_trend,
            average_mood: mean(&moods).map(rounded),
            mood_by_day,
            writing_streak,
            most_used_tags,
        })
    }
}

/// Returns the direction of the line that fits the daily averages by least squares, from the first
/// day with a mood to the last.
fn trend(days: &[Day]) -> Trend {
    let Some(origin) = days.first().map(|day| day.date) else { return Trend::Stable };
    let place = |day: &Day| Some((f64::from(origin.until(day.date).ok()?.get_days()), day.average_mood?));
    let points: Vec<(f64, f64)> = days.iter().filter_map(place).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Trend::Stable };
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (Some(x), Some(y)) = (mean(&xs), mean(&ys)) else { return Trend::Stable };
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let variance: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    // A single day has no direction.
    let change = if variance > 0.0 { covariance / variance * (last.0 - first.0) } else { 0.0 };
    match change {
        change if change >= STABLE => Trend::Improving,
        change if change <= -STABLE => Trend::Declining,
        _ => Trend::Stable,
    }
}

/// Returns the number of consecutive days with entries up to today, or up to yesterday if today has
/// none yet.
fn streak(today: Date, days: &[Day]) -> usize {
    let mut expected = match days.last() {
        Some(day) if day.date < today => today.yesterday().unwrap_or(today),
        _ => today,
    };
    let mut length = 0;
    for day in days.iter().rev() {
        if day.date != expected {
            break;
        }
        length += 1;
        expected = expected.yesterday().unwrap_or(expected);
    }
    length
}

fn mean(values: &[f64]) -> Option<f64> {
    let number = u32::try_from(values.len()).ok().filter(|number| *number > 0)?;
    Some(values.iter().sum::<f64>() / f64::from(number))
}

/// Rounds to two decimals.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::FieldReader;

    fn days(moods: &[(i8, Option<f64>)]) -> Vec<Day> {
        let date = |day| Date::constant(2026, 3, day);
        moods.iter().map(|(day, mood)| Day { date: date(*day), average_mood: *mood, entries: 1 }).collect()
    }

    #[test]
    fn the_trend_is_the_direction_of_the_line_through_the_daily_averages() {
        for (moods, expected) in [
            (vec![], Trend::Stable),
            (vec![(1, None)], Trend::Stable),
            (vec![(1, Some(9.0))], Trend::Stable),
            (vec![(1, Some(5.0)), (2, Some(5.4))], Trend::Stable),
            (vec![(1, Some(5.0)), (2, Some(5.6))], Trend::Improving),
            (vec![(1, Some(5.6)), (9, None), (30, Some(5.0))], Trend::Declining),
            (vec![(1, Some(2.0)), (2, Some(9.0)), (3, Some(2.0))], Trend::Stable),
            (vec![(1, Some(3.0)), (2, Some(4.0)), (3, Some(3.5)), (4, Some(6.0))], Trend::Improving),
        ] {
            assert_eq!(trend(&days(&moods)), expected, "{moods:?}");
        }
    }

    #[test]
    fn the_streak_ends_today_or_yesterday() {
        let today = Date::constant(2026, 3, 10);
        for (written, expected) in [
            (vec![], 0),
            (vec![10], 1),
            (vec![9], 1),
            (vec![8], 0),
            (vec![7, 8, 9], 3),
            (vec![7, 9, 10], 2),
            (vec![6, 7, 8, 9, 10], 5),
        ] {
            let moods: Vec<_> = written.iter().map(|day| (*day, None)).collect();
            assert_eq!(streak(today, &days(&moods)), expected, "{written:?}");
        }
    }

    #[test]
    fn the_number_of_days_is_limited() {
        let read =
            |days: &str| FieldReader::from_query([("days", days)]).parse::<InsightsPeriod>().map(|period| period.days);
        assert_eq!((read("1").unwrap(), read("365").unwrap()), (1, 365));
        assert_eq!(FieldReader::default().parse::<InsightsPeriod>().unwrap().days, 30);
        for wrong in ["0", "366", "x", ""] {
            assert!(matches!(read(wrong), Err(Error::Invalid(_))), "{wrong}");
        }
    }
}
