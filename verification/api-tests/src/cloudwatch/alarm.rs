//! Alarms: the metrics that they watch, and the conditions under which they fire.

use serde_json::Value;

use super::expression;
use super::metric_data::{Metric, MetricData, Statistic};

/// An alarm of the template.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// The problem that the alarm reports.
    pub description: String,
    /// The metrics and expressions of the alarm. The query with the id `value` is compared with the
    /// threshold.
    pub queries: Vec<Query>,
    /// The length of a period in seconds.
    pub period: i64,
    /// The number of periods that are evaluated.
    pub periods: usize,
    /// The number of these periods that must breach the threshold.
    pub datapoints: usize,
    operator: String,
    threshold: f64,
    missing: String,
}

/// A metric or an expression with an id.
#[derive(Debug, Clone)]
pub struct Query {
    /// The name of the query in expressions.
    pub id: String,
    /// The source of the values.
    pub source: Source,
}

/// The source of the values of a query.
#[derive(Debug, Clone)]
pub enum Source {
    /// A statistic of a metric.
    Metric(Metric, Statistic),
    /// An expression of metric math.
    Expression(String),
}

impl Alarm {
    /// Parses the properties of an `AWS::CloudWatch::Alarm`.
    ///
    /// # Panics
    /// Panics on a property that is not supported.
    pub fn parse(id: &str, properties: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{id}: {value} is not a string")).to_owned();
        let number = |name: &str| {
            let value = &properties[name];
            value.as_f64().unwrap_or_else(|| panic!("{id}: {name}: {value} is not a number"))
        };
        let (queries, period) = match properties["Metrics"].as_array() {
            None => {
                let source = Source::Metric(metric(properties), Statistic::parse(&text(&properties["Statistic"])));
                (vec![Query { id: "value".to_owned(), source }], number("Period") as i64)
            }
            Some(queries) => {
                let periods = queries
                    .iter()
                    .filter_map(|query| query["MetricStat"]["Period"].as_i64().or(query["Period"].as_i64()));
                let mut periods: Vec<_> = periods.collect();
                periods.dedup();
                assert_eq!(periods.len(), 1, "{id}: all queries have the same period");
                let queries = queries.iter().map(|query| {
                    let statistic = &query["MetricStat"];
                    let source = match query["Expression"].as_str() {
                        Some(expression) => Source::Expression(expression.to_owned()),
                        None => {
                            Source::Metric(metric(&statistic["Metric"]), Statistic::parse(&text(&statistic["Stat"])))
                        }
                    };
                    Query { id: text(&query["Id"]), source }
                });
                (queries.collect(), periods[0])
            }
        };
        Self {
            description: text(&properties["AlarmDescription"]),
            queries,
            period,
            periods: number("EvaluationPeriods") as usize,
            datapoints: number("DatapointsToAlarm") as usize,
            operator: text(&properties["ComparisonOperator"]),
            threshold: number("Threshold"),
            missing: text(&properties["TreatMissingData"]),
        }
    }

    /// Returns whether the alarm is in the state `ALARM` at `second`, the end of a period.
    ///
    /// Source: Amazon CloudWatch user guide, "Configuring how CloudWatch alarms treat missing
    /// data". CloudWatch retrieves more periods than it evaluates. It evaluates the latest periods
    /// that have data. If these are too few, `TreatMissingData` determines the result of the
    /// missing ones.
    pub fn is_in_alarm(&self, metrics: &MetricData, second: i64) -> bool {
        let range = (1..=self.periods as i64 + 2).map(|back| self.value(metrics, second - back * self.period));
        let present: Vec<_> = range.flatten().take(self.periods).collect();
        let filled = if self.missing == "breaching" { self.periods - present.len() } else { 0 };
        present.iter().filter(|value| self.is_breaching(**value)).count() + filled >= self.datapoints
    }

    /// Returns the end of the first period between `from` and `to` at which the alarm is in the
    /// state `ALARM`.
    pub fn first_alarm(&self, metrics: &MetricData, from: i64, to: i64) -> Option<i64> {
        (from / self.period..=to / self.period)
            .map(|number| number * self.period)
            .find(|second| self.is_in_alarm(metrics, *second))
    }

    /// Returns the value of the period that begins at this second.
    fn value(&self, metrics: &MetricData, from: i64) -> Option<f64> {
        self.query(metrics, from, "value").unwrap_or_else(|error| panic!("{}: {error}", self.description))
    }

    fn query(&self, metrics: &MetricData, from: i64, id: &str) -> Result<Option<f64>, String> {
        let query = self.queries.iter().find(|query| query.id == id).ok_or_else(|| format!("unknown query `{id}`"))?;
        match &query.source {
            Source::Metric(metric, statistic) => Ok(metrics.statistic(metric, *statistic, from, self.period)),
            // A query over all log groups. The tests record its result as a separate metric.
            Source::Expression(text) if text.starts_with("SELECT ") => {
                let (_, name) = text.split_once("SUM(").ok_or("expected SUM(…)")?;
                let name = name.split(')').next().unwrap_or_default().to_owned();
                let metric = Metric { namespace: "AWS/Logs".to_owned(), name, dimensions: Default::default() };
                Ok(metrics.statistic(&metric, Statistic::Sum, from, self.period))
            }
            Source::Expression(text) => expression::evaluate(text, &|id| self.query(metrics, from, id)),
        }
    }

    fn is_breaching(&self, value: f64) -> bool {
        match self.operator.as_str() {
            "GreaterThanThreshold" => value > self.threshold,
            "LessThanThreshold" => value < self.threshold,
            operator => panic!("{operator} is not supported"),
        }
    }
}

/// Parses the metric that an alarm or a query names.
fn metric(properties: &Value) -> Metric {
    let text = |value: &Value| value.as_str().expect("the property is a string").to_owned();
    let dimensions = properties["Dimensions"].as_array().into_iter().flatten();
    Metric {
        namespace: text(&properties["Namespace"]),
        name: text(&properties["MetricName"]),
        dimensions: dimensions.map(|dimension| (text(&dimension["Name"]), text(&dimension["Value"]))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alarm(datapoints: u64, missing: &str) -> Alarm {
        Alarm::parse(
            "x",
            &json!({
                "AlarmDescription": "x", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3,
                "DatapointsToAlarm": datapoints, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": missing,
            }),
        )
    }

    /// Returns whether the alarm fires after these periods. `X` breaches the threshold, `0` does
    /// not, and `-` is missing.
    fn is_in_alarm(alarm: &Alarm, periods: &str) -> bool {
        let mut metrics = MetricData::default();
        let metric = Metric { namespace: "N".to_owned(), name: "M".to_owned(), dimensions: Default::default() };
        let periods: Vec<_> = periods.split(' ').collect();
        for (number, period) in periods.iter().enumerate().filter(|(_, period)| **period != "-") {
            metrics.put(metric.clone(), number as i64 * 60, if *period == "X" { 1.0 } else { 0.0 });
        }
        alarm.is_in_alarm(&metrics, periods.len() as i64 * 60)
    }

    /// Checks the tables of the user guide for three of three and two of three datapoints.
    #[test]
    fn missing_periods_are_treated_as_documented() {
        for (periods, breaching, not_breaching) in [
            ("0 - X - X", false, false),
            ("- - - - -", true, false),
            ("0 - - - -", false, false),
            ("0 X X - X", true, true),
            ("- - X - -", true, false),
        ] {
            assert_eq!(is_in_alarm(&alarm(3, "breaching"), periods), breaching, "{periods}");
            assert_eq!(is_in_alarm(&alarm(3, "notBreaching"), periods), not_breaching, "{periods}");
        }
        for (periods, breaching, not_breaching) in [
            ("0 - X - X", true, true),
            ("0 0 X 0 X", true, true),
            ("0 - X - -", true, false),
            ("- - - - 0", true, false),
            ("- - - X -", true, false),
        ] {
            assert_eq!(is_in_alarm(&alarm(2, "breaching"), periods), breaching, "{periods}");
            assert_eq!(is_in_alarm(&alarm(2, "notBreaching"), periods), not_breaching, "{periods}");
        }
    }

    #[test]
    fn the_alarm_fires_at_the_period_that_reaches_its_number_of_datapoints() {
        let metric = Metric { namespace: "N".to_owned(), name: "M".to_owned(), dimensions: Default::default() };
        let mut metrics = MetricData::default();
        (0..20).for_each(|minute| metrics.put(metric.clone(), minute * 60, if minute < 10 { 0.0 } else { 1.0 }));
        assert_eq!(alarm(2, "notBreaching").first_alarm(&metrics, 0, 1200), Some(720));
        assert_eq!(alarm(3, "notBreaching").first_alarm(&metrics, 0, 1200), Some(780));
        assert_eq!(alarm(2, "notBreaching").first_alarm(&metrics, 0, 600), None);
    }
}
