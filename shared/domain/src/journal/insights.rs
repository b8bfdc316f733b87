//! What a journal tells about a span of days. Days are those of UTC.

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

/// A change of the mood by less than this over the whole span, on the scale from 1 to 10, is none.
const STABLE: f64 = 0.5;

request! {
    /// The days that the insights are about.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct InsightsPeriod {
        /// The number of days, including today.
        days: OrDefault<Days>,
        /// The caller's own id, which older clients send.
        pub user_id: Option<CallerId>,
    }
}

integer_field!(
    /// A number of days.
    Days: i32, 1..=365, default 30
);

impl Journal<'_> {
    /// What the caller's journal shows about the last days.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the session is not live, [`Error::Unavailable`] if the database is needed and unavailable.
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

/// What the entries of the last days tell.
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
    /// How many days were looked at, today included.
    #[schema(minimum = 1, maximum = 365)]
    days: i32,
    /// How many entries were written on them.
    #[schema(minimum = 0)]
    entries_analyzed: i64,
    mood_trend: Trend,
    /// Over all days that have a mood, each counting once; null when none has.
    #[schema(required, minimum = 1.0, maximum = 10.0)]
    average_mood: Option<f64>,
    /// The days on which something was written, oldest first.
    #[schema(max_items = 365)]
    mood_by_day: Vec<Day>,
    /// Days in a row on which something was written, up to today or yesterday.
    #[schema(minimum = 0, maximum = 365)]
    writing_streak: usize,
    /// The most frequent first.
    #[schema(max_items = 10)]
    most_used_tags: Vec<Tag>,
}

/// A day on which something was written.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = MoodOfDay)]
struct Day {
    /// In UTC.
    date: Date,
    /// Null when no entry of the day has a mood.
    #[schema(required, minimum = 1.0, maximum = 10.0)]
    average_mood: Option<f64>,
    /// How many were written.
    #[schema(minimum = 1)]
    entries: i64,
}

/// A tag and how many entries have it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = TagCount)]
struct Tag {
    tag: String,
    #[schema(minimum = 1)]
    count: i64,
}

/// Where the straight line through the days' averages leads; a change by less than half a point is none.
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

/// Where the straight line through the days' averages leads, by least squares, from the first day with a mood to the last.
fn trend(days: &[Day]) -> Trend {
    let Some(origin) = days.first().map(|day| day.date) else { return Trend::Stable };
    let place = |day: &Day| Some((f64::from(origin.until(day.date).ok()?.get_days()), day.average_mood?));
    let points: Vec<(f64, f64)> = days.iter().filter_map(place).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Trend::Stable };
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (Some(x), Some(y)) = (mean(&xs), mean(&ys)) else { return Trend::Stable };
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let variance: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    // One day alone has no direction.
    let change = if variance > 0.0 { covariance / variance * (last.0 - first.0) } else { 0.0 };
    match change {
        change if change >= STABLE => Trend::Improving,
        change if change <= -STABLE => Trend::Declining,
        _ => Trend::Stable,
    }
}

/// Days in a row on which something was written, up to today; a day that has just begun does not break it.
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

/// To two decimals.
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
    fn the_trend_is_where_the_line_through_the_days_leads() {
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
    fn the_span_is_bounded() {
        let read =
            |days: &str| FieldReader::from_query([("days", days)]).parse::<InsightsPeriod>().map(|period| period.days);
        assert_eq!((read("1").unwrap(), read("365").unwrap()), (1, 365));
        assert_eq!(FieldReader::default().parse::<InsightsPeriod>().unwrap().days, 30);
        for wrong in ["0", "366", "x", ""] {
            assert!(matches!(read(wrong), Err(Error::Invalid(_))), "{wrong}");
        }
    }
}
