//! The report of a window. Times are in seconds, rates are shares between 0 and 1, and values
//! without any measurement are null.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use metrics::FamilyUse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::aggregate::Aggregate;
use crate::log_line::SlowQuery;
use crate::minute::Minute;
use crate::resolution::Resolution;

/// The largest number of steps of a timeline.
const MAX_STEPS: i64 = 60;
/// The longest window, in minutes, that is read minute by minute.
const MAX_BY_MINUTE: i64 = 6 * 60;

/// The length of the time that a report covers: whole minutes, including the current one. A window
/// of more than six hours begins on the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window(i64);

impl Window {
    /// The longest window in minutes: a day.
    pub(crate) const MAX_MINUTES: i64 = 24 * 60;
    /// The window of a request without the parameter: 15 minutes.
    pub const DEFAULT: Self = Self(15);

    pub(crate) fn resolution(self) -> Resolution {
        if self.0 > MAX_BY_MINUTE { Resolution::Hour } else { Resolution::Minute }
    }

    /// Returns the first and the last minute of the window that ends now.
    pub(crate) fn minutes(self, now: Timestamp) -> (Minute, Minute) {
        let last = Minute::of(now);
        (last.minus(self.0 - 1).round_down(self.resolution().minutes()), last)
    }
}

impl FromStr for Window {
    type Err = &'static str;

    /// Parses a window such as `15m` or `6h`.
    ///
    /// # Errors
    /// Returns the rule if the text breaks it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be a number of minutes or hours from 1m to 24h, such as 15m";
        let (number, minutes) = match (text.strip_suffix('m'), text.strip_suffix('h')) {
            (Some(number), _) => (number, 1),
            (_, Some(number)) => (number, 60),
            _ => return Err(RULE),
        };
        let digits = (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = number.parse().ok().filter(|_| digits).ok_or(RULE)?;
        Some(Self(number * minutes)).filter(|window| (1..=Self::MAX_MINUTES).contains(&window.0)).ok_or(RULE)
    }
}

/// The request statistics of a time window. Times are in seconds, and rates are between 0 and 1.
/// Percentiles are correct to within one percent. A value is null if nothing was measured.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Performance)]
pub struct Report {
    #[schema(minimum = 0)]
    window_seconds: i64,
    from: Timestamp,
    to: Timestamp,
    /// The number of requests.
    count: u64,
    /// The share of requests that were answered with a 5xx status.
    error_rate: Option<f64>,
    /// The request statistics by route.
    #[schema(inline)]
    endpoints: BTreeMap<String, Endpoint>,
    #[schema(inline)]
    cache: Cache,
    /// The latest slow queries, at most 20, newest first.
    #[schema(inline)]
    slow_queries: Vec<SlowQuery>,
    slow_query_count: u64,
    /// The statistics over time, earliest first, in at most 60 steps of equal length. A step is one
    /// minute for windows up to an hour, a whole number of minutes up to six hours, and an hour for
    /// longer windows.
    #[schema(inline)]
    timeline: Vec<Step>,
}

/// The request statistics of one route.
#[derive(Debug, Serialize, ToSchema)]
struct Endpoint {
    count: u64,
    avg_time: f64,
    min_time: f64,
    max_time: f64,
    error_rate: Option<f64>,
    /// The share of requests that were answered with a 4xx status.
    client_error_rate: Option<f64>,
    /// The number of SQL statements per request.
    queries_per_request: Option<f64>,
    #[serde(flatten)]
    #[schema(inline)]
    latency: Percentiles,
}

/// The request statistics of one step of the timeline.
#[derive(Debug, Serialize, ToSchema)]
struct Step {
    at: Timestamp,
    count: u64,
    errors: u64,
    #[serde(flatten)]
    #[schema(inline)]
    latency: Percentiles,
}

/// Percentiles of the latency in seconds, correct to within one percent.
#[derive(Debug, Serialize, ToSchema)]
struct Percentiles {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Cache {
    hit_rate: Option<f64>,
    /// The cache lookups, by family of records.
    #[schema(inline)]
    families: BTreeMap<String, Family>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Family {
    hits: u64,
    misses: u64,
    hit_rate: Option<f64>,
}

impl Report {
    /// Builds the report of a window that ends now.
    pub(crate) fn new(
        window: Window,
        now: Timestamp,
        aggregates: Vec<(Minute, String, Aggregate)>,
        slow_queries: Vec<SlowQuery>,
    ) -> Self {
        let (first, last) = window.minutes(now);
        let minutes = last.since(first) + 1;
        let width = ((minutes + MAX_STEPS - 1) / MAX_STEPS).max(window.resolution().minutes());
        let steps = (minutes + width - 1) / width;
        let mut all = Aggregate::default();
        let mut endpoints = BTreeMap::<_, Aggregate>::new();
        let mut timeline = BTreeMap::<i64, Aggregate>::new();
        for (minute, endpoint, aggregate) in aggregates {
            all.merge(&aggregate);
            endpoints.entry(endpoint).or_default().merge(&aggregate);
            timeline.entry(minute.since(first) / width).or_default().merge(&aggregate);
        }
        let step = |number: i64| {
            let aggregate = timeline.remove(&number).unwrap_or_default();
            Step {
                at: first.minus(-number * width).start(),
                count: aggregate.count,
                errors: aggregate.errors,
                latency: Percentiles::of(&aggregate),
            }
        };
        Self {
            window_seconds: minutes * 60,
            from: first.start(),
            to: now,
            count: all.count,
            error_rate: rate(all.errors, all.count),
            cache: Cache::of(&all.families),
            endpoints: endpoints.iter().map(|(name, aggregate)| (name.clone(), Endpoint::of(aggregate))).collect(),
            slow_queries,
            slow_query_count: all.slow_queries,
            timeline: (0..steps).map(step).collect(),
        }
    }
}

impl Endpoint {
    fn of(aggregate: &Aggregate) -> Self {
        Self {
            count: aggregate.count,
            avg_time: seconds(aggregate.total_us as f64 / aggregate.count.max(1) as f64),
            min_time: seconds(aggregate.min_us as f64),
            max_time: seconds(aggregate.max_us as f64),
            error_rate: rate(aggregate.errors, aggregate.count),
            client_error_rate: rate(aggregate.client_errors, aggregate.count),
            queries_per_request: rate(aggregate.queries, aggregate.count),
            latency: Percentiles::of(aggregate),
        }
    }
}

impl Percentiles {
    fn of(aggregate: &Aggregate) -> Self {
        // The extremes are known exactly, so estimates are limited to them.
        let (min, max) = (aggregate.min_us as f64, aggregate.max_us as f64);
        let at = |q| aggregate.latency.quantile(q).map(|micros| seconds(micros.clamp(min, max)));
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

impl Cache {
    fn of(families: &BTreeMap<String, FamilyUse>) -> Self {
        let (hits, misses) =
            families.values().fold((0, 0), |(hits, misses), family| (hits + family.hits, misses + family.misses));
        let family =
            |FamilyUse { hits, misses }: FamilyUse| Family { hits, misses, hit_rate: rate(hits, hits + misses) };
        Self {
            hit_rate: rate(hits, hits + misses),
            families: families.iter().map(|(name, used)| (name.clone(), family(*used))).collect(),
        }
    }
}

fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 1e6).round() / 1e6)
}

fn seconds(micros: f64) -> f64 {
    micros.round() / 1e6
}
