//! Alarms: what they watch, and when they go off.

use serde_json::Value;

use super::expression;
use super::series::{Metric, Metrics, Statistic};

/// An alarm of the template.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// What is wrong when it goes off.
    pub description: String,
    /// What it watches; the first is what is compared.
    pub queries: Vec<Query>,
    /// The length of a period, in seconds.
    pub period: i64,
    /// How many periods are looked at.
    pub periods: usize,
    /// How many of them must be over the threshold.
    pub datapoints: usize,
    operator: String,
    threshold: f64,
    missing: String,
}

/// A metric or an expression, by its id.
#[derive(Debug, Clone)]
pub struct Query {
    /// By which an expression names it.
    pub id: String,
    /// Where its values come from.
    pub source: Source,
}

/// Where values come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A statistic of a metric.
    Metric(Metric, Statistic),
    /// Metric math.
    Expression(String),
}

impl Alarm {
    /// Reads the properties of an `AWS::CloudWatch::Alarm`.
    ///
    /// # Panics
    /// On what is not understood here.
    pub fn read(id: &str, properties: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{id}: {value} is no text")).to_owned();
        let number = |name: &str| {
            let value = &properties[name];
            value.as_f64().unwrap_or_else(|| panic!("{id}: {name}: {value} is no number"))
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
                assert_eq!(periods.len(), 1, "{id}: one period");
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

    /// Whether it is in alarm at this second, the end of a period.
    ///
    /// Source: Amazon CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data". More periods are looked at than are
    /// evaluated; the latest that were measured count, and what is still missing is filled in as the alarm says.
    pub fn is_off(&self, metrics: &Metrics, second: i64) -> bool {
        let range = (1..=self.periods as i64 + 2).map(|back| self.value(metrics, second - back * self.period));
        let measured: Vec<_> = range.flatten().take(self.periods).collect();
        let filled = if self.missing == "breaching" { self.periods - measured.len() } else { 0 };
        measured.iter().filter(|value| self.is_over(**value)).count() + filled >= self.datapoints
    }

    /// The first of these seconds at which it is in alarm.
    pub fn goes_off(&self, metrics: &Metrics, from: i64, to: i64) -> Option<i64> {
        (from / self.period..=to / self.period)
            .map(|number| number * self.period)
            .find(|second| self.is_off(metrics, *second))
    }

    /// The value of the period that begins at this second.
    fn value(&self, metrics: &Metrics, from: i64) -> Option<f64> {
        self.query(metrics, from, "value").unwrap_or_else(|error| panic!("{}: {error}", self.description))
    }

    fn query(&self, metrics: &Metrics, from: i64, id: &str) -> Result<Option<f64>, String> {
        let query = self.queries.iter().find(|query| query.id == id).ok_or_else(|| format!("there is no `{id}`"))?;
        match &query.source {
            Source::Metric(metric, statistic) => Ok(metrics.statistic(metric, *statistic, from, self.period)),
            // A query over all log groups: what is put for it stands for its result.
            Source::Expression(text) if text.starts_with("SELECT ") => {
                let (_, name) = text.split_once("SUM(").ok_or("SUM(…) is expected")?;
                let name = name.split(')').next().unwrap_or_default().to_owned();
                let metric = Metric { namespace: "AWS/Logs".to_owned(), name, dimensions: Default::default() };
                Ok(metrics.statistic(&metric, Statistic::Sum, from, self.period))
            }
            Source::Expression(text) => expression::evaluate(text, &|id| self.query(metrics, from, id)),
        }
    }

    fn is_over(&self, value: f64) -> bool {
        match self.operator.as_str() {
            "GreaterThanThreshold" => value > self.threshold,
            "LessThanThreshold" => value < self.threshold,
            operator => panic!("{operator} is not used so far"),
        }
    }
}

/// The metric that an alarm, or a query of one, names.
fn metric(properties: &Value) -> Metric {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
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
        Alarm::read(
            "x",
            &json!({
                "AlarmDescription": "x", "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3,
                "DatapointsToAlarm": datapoints, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0, "TreatMissingData": missing,
            }),
        )
    }

    /// The alarm after these periods, of which `X` is over the threshold, `0` is not, and `-` was not measured.
    fn is_off(alarm: &Alarm, periods: &str) -> bool {
        let mut metrics = Metrics::default();
        let metric = Metric { namespace: "N".to_owned(), name: "M".to_owned(), dimensions: Default::default() };
        let periods: Vec<_> = periods.split(' ').collect();
        for (number, period) in periods.iter().enumerate().filter(|(_, period)| **period != "-") {
            metrics.put(metric.clone(), number as i64 * 60, if *period == "X" { 1.0 } else { 0.0 });
        }
        alarm.is_off(&metrics, periods.len() as i64 * 60)
    }

    /// The tables of the guide, for three of three and two of three.
    #[test]
    fn missing_periods_are_treated_as_the_guide_says() {
        for (periods, breaching, not_breaching) in [
            ("0 - X - X", false, false),
            ("- - - - -", true, false),
            ("0 - - - -", false, false),
            ("0 X X - X", true, true),
            ("- - X - -", true, false),
        ] {
            assert_eq!(is_off(&alarm(3, "breaching"), periods), breaching, "{periods}");
            assert_eq!(is_off(&alarm(3, "notBreaching"), periods), not_breaching, "{periods}");
        }
        for (periods, breaching, not_breaching) in [
            ("0 - X - X", true, true),
            ("0 0 X 0 X", true, true),
            ("0 - X - -", true, false),
            ("- - - - 0", true, false),
            ("- - - X -", true, false),
        ] {
            assert_eq!(is_off(&alarm(2, "breaching"), periods), breaching, "{periods}");
            assert_eq!(is_off(&alarm(2, "notBreaching"), periods), not_breaching, "{periods}");
        }
    }

    #[test]
    fn it_goes_off_with_the_period_that_makes_it_full() {
        let metric = Metric { namespace: "N".to_owned(), name: "M".to_owned(), dimensions: Default::default() };
        let mut metrics = Metrics::default();
        (0..20).for_each(|minute| metrics.put(metric.clone(), minute * 60, if minute < 10 { 0.0 } else { 1.0 }));
        assert_eq!(alarm(2, "notBreaching").goes_off(&metrics, 0, 1200), Some(720));
        assert_eq!(alarm(3, "notBreaching").goes_off(&metrics, 0, 1200), Some(780));
        assert_eq!(alarm(2, "notBreaching").goes_off(&metrics, 0, 600), None);
    }
}
