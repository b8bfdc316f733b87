//! Metric data: the recorded values with their times, and the statistics of a period.

use std::collections::BTreeMap;

use serde_json::Value;

/// The identity of a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// The namespace, for example `Kai`.
    pub namespace: String,
    /// The name, for example `Latency`.
    pub name: String,
    /// The values of the dimensions by name.
    pub dimensions: BTreeMap<String, String>,
}

/// A statistic of the values in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// The sum of the values.
    Sum,
    /// The mean of the values.
    Average,
    /// The largest of the values.
    Maximum,
    /// The smallest of the values.
    Minimum,
    /// The number of values.
    SampleCount,
    /// The smallest value that at least this percentage of the values does not exceed.
    Percentile(f64),
}

impl Statistic {
    /// Parses the name of a statistic, for example `Sum` or `p95`.
    ///
    /// # Panics
    /// Panics on any other name.
    pub fn parse(name: &str) -> Self {
        match (name, name.strip_prefix('p').and_then(|number| number.parse().ok())) {
            ("Sum", _) => Self::Sum,
            ("Average", _) => Self::Average,
            ("Maximum", _) => Self::Maximum,
            ("Minimum", _) => Self::Minimum,
            ("SampleCount", _) => Self::SampleCount,
            (_, Some(percent)) => Self::Percentile(percent),
            _ => panic!("{name} is not a statistic"),
        }
    }

    fn compute(self, values: &[f64]) -> Option<f64> {
        let count = values.len() as f64;
        (!values.is_empty()).then(|| match self {
            Self::Sum => values.iter().sum(),
            Self::Average => values.iter().sum::<f64>() / count,
            Self::Maximum => values.iter().copied().fold(f64::MIN, f64::max),
            Self::Minimum => values.iter().copied().fold(f64::MAX, f64::min),
            Self::SampleCount => count,
            Self::Percentile(percent) => {
                let mut sorted = values.to_vec();
                sorted.sort_by(f64::total_cmp);
                let rank = (percent / 100.0 * count).ceil().max(1.0) as usize;
                sorted.get(rank - 1).copied().unwrap_or_default()
            }
        })
    }
}

/// All recorded values by metric. Each value has its time, in seconds.
#[derive(Debug, Clone, Default)]
pub struct MetricData(BTreeMap<Metric, Vec<(i64, f64)>>);

impl MetricData {
    /// Adds one value to a metric.
    pub fn put(&mut self, metric: Metric, second: i64, value: f64) {
        self.0.entry(metric).or_default().push((second, value));
    }

    /// Adds the values of a line in the embedded metric format, as if it had been printed at
    /// `second`.
    pub fn add_line(&mut self, line: &Value, second: i64) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for directive in line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
            for set in directive["Dimensions"].as_array().into_iter().flatten() {
                let names = set.as_array().into_iter().flatten().map(text);
                let dimensions: BTreeMap<_, _> = names.map(|name| (name.clone(), text(&line[name.as_str()]))).collect();
                for metric in directive["Metrics"].as_array().into_iter().flatten() {
                    let name = text(&metric["Name"]);
                    let Some(value) = line[name.as_str()].as_f64() else { continue };
                    let namespace = text(&directive["Namespace"]);
                    self.put(Metric { namespace, name, dimensions: dimensions.clone() }, second, value);
                }
            }
        }
    }

    /// Returns a statistic of the period that begins at `from`, or `None` if the period has no
    /// value.
    pub fn statistic(&self, metric: &Metric, statistic: Statistic, from: i64, period: i64) -> Option<f64> {
        let values = self.0.get(metric)?.iter();
        let values = values.filter(|(second, _)| (from..from + period).contains(second));
        statistic.compute(&values.map(|(_, value)| *value).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_statistic_covers_the_values_of_its_period() {
        let values = [1.0, 2.0, 3.0, 10.0];
        for (name, expected) in [
            ("Sum", 16.0),
            ("Average", 4.0),
            ("Maximum", 10.0),
            ("Minimum", 1.0),
            ("SampleCount", 4.0),
            ("p50", 2.0),
            ("p95", 10.0),
        ] {
            assert_eq!(Statistic::parse(name).compute(&values), Some(expected), "{name}");
            assert_eq!(Statistic::parse(name).compute(&[]), None, "{name}");
        }
    }

    #[test]
    fn a_line_adds_a_value_for_each_set_of_dimensions() {
        let line = json!({
            "_aws": {"CloudWatchMetrics": [{"Namespace": "Kai", "Dimensions": [["Service", "Endpoint"], ["Service"]], "Metrics": [{"Name": "Errors"}]}]},
            "Service": "kai", "Endpoint": "GET /", "Errors": 1,
        });
        let mut data = MetricData::default();
        data.add_line(&line, 59);
        data.add_line(&line, 60);
        assert_eq!(data.0.keys().count(), 2);
        for metric in data.0.keys() {
            assert_eq!(data.statistic(metric, Statistic::Sum, 0, 60), Some(1.0));
            assert_eq!(data.statistic(metric, Statistic::Sum, 60, 60), Some(1.0));
            assert_eq!(data.statistic(metric, Statistic::Sum, 120, 60), None);
        }
    }
}
