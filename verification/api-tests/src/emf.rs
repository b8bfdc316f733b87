//! CloudWatch's embedded metric format. It is parsed and validated with the rules of CloudWatch.

use std::collections::BTreeSet;
use std::io::{Write as _, stderr};
use std::process;
use std::sync::{Arc, LazyLock};

use emulator::LogSink;
use jsonschema::Validator;
use serde_json::Value;
use shared::metrics::catalog;

/// A metric that CloudWatch bills: its name, and the names and values of its dimensions.
pub type BilledMetric = (String, Vec<(String, String)>);

/// The maximum size of a log event, in bytes.
const MAX_LINE_BYTES: usize = 1024 * 1024;
/// The maximum length of the value of a dimension, in characters.
const MAX_DIMENSION_CHARS: usize = 1024;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("emf/schema.json")).expect("the schema is JSON");
    jsonschema::draft202012::new(&schema).expect("the schema is valid")
});

/// The metric directives that the functions print.
static DIRECTIVES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    catalog::directives().map(|each| serde_json::to_value(each).expect("a directive can be serialized")).collect()
});

/// Returns whether a line appears to be in the format.
pub fn looks_like_emf(line: &str) -> bool {
    line.contains("\"_aws\"")
}

/// Parses a line in the format and returns the metrics that it contributes to.
///
/// # Errors
/// CloudWatch would reject the line, or the catalog does not contain one of its metrics.
pub fn parse(line: &str) -> Result<BTreeSet<BilledMetric>, String> {
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("{} bytes exceed the maximum size of a log event", line.len()));
    }
    let document: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    SCHEMA.validate(&document).map_err(|error| format!("{}: {error}", error.instance_path()))?;
    let mut billed = BTreeSet::new();
    for directive in items(&document["_aws"]["CloudWatchMetrics"]) {
        if !DIRECTIVES.contains(directive) {
            return Err(format!("the catalog does not contain {directive}"));
        }
        for metric in items(&directive["Metrics"]) {
            let name = text(&metric["Name"]);
            if !document[name].as_f64().is_some_and(f64::is_finite) {
                return Err(format!("{name} has no numeric value"));
            }
            for set in items(&directive["Dimensions"]) {
                let dimensions = items(set).map(|dimension| {
                    let value = document[text(dimension)].as_str();
                    let value = value.filter(|value| (1..=MAX_DIMENSION_CHARS).contains(&value.chars().count()));
                    Ok((text(dimension).to_owned(), value.ok_or(format!("{dimension} has no valid value"))?.to_owned()))
                });
                billed.insert((name.to_owned(), dimensions.collect::<Result<_, String>>()?));
            }
        }
    }
    Ok(billed)
}

/// Returns a sink that forwards valid lines to `sink`. A line that CloudWatch would reject ends the
/// whole test run.
pub(crate) fn validating_sink(sink: LogSink) -> LogSink {
    Arc::new(move |line| {
        if looks_like_emf(&line.text)
            && let Err(error) = parse(&line.text)
        {
            let _unseen = stderr().write_fmt(format_args!(
                "{} printed a line that violates the embedded metric format: {error}\n{}\n",
                line.function, line.text
            ));
            process::exit(1);
        }
        sink(line);
    })
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use shared::metrics::{EmfRecord, RequestMetrics, Summary};

    use super::*;

    fn line() -> Value {
        let summary = Summary {
            endpoint: "GET /health",
            request_id: "r-1",
            status: 200,
            latency: Duration::from_millis(3),
            response_bytes: 9,
            cold_start: false,
        };
        serde_json::to_value(EmfRecord::new(summary, &RequestMetrics::default())).unwrap()
    }

    #[test]
    fn a_valid_line_is_parsed_and_each_metric_is_billed_once_per_set_of_dimensions() {
        let billed = parse(&line().to_string()).unwrap();
        let service = ("Service".to_owned(), "kai".to_owned());
        let endpoint = ("Endpoint".to_owned(), "GET /health".to_owned());
        assert!(billed.contains(&("Latency".to_owned(), vec![service.clone()])));
        assert!(billed.contains(&("Latency".to_owned(), vec![service, endpoint])));
        assert_eq!(billed.len(), 3 * 2 + 9);
    }

    #[test]
    fn a_line_that_cloudwatch_would_reject_is_rejected() {
        let invalid = [
            ("/_aws/Timestamp", json!("noon")),
            ("/_aws/Timestamp", json!(1.5)),
            ("/_aws/CloudWatchMetrics", json!([])),
            ("/_aws/CloudWatchMetrics/0/Namespace", json!("")),
            ("/_aws/CloudWatchMetrics/0/Namespace", json!("Other")),
            ("/_aws/CloudWatchMetrics/0/Dimensions", json!([])),
            ("/_aws/CloudWatchMetrics/0/Dimensions", json!([["Service", "UserId"]])),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Fortnights")),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/Unit", json!("Seconds")),
            ("/_aws/CloudWatchMetrics/0/Metrics/0/StorageResolution", json!(7)),
            ("/Latency", json!("3")),
            ("/Latency", json!(null)),
            ("/Endpoint", json!("")),
            ("/Endpoint", json!("x".repeat(1025))),
            ("/Service", json!(7)),
        ];
        for (pointer, value) in invalid {
            let mut line = line();
            match line.pointer_mut(pointer) {
                Some(member) => *member = value.clone(),
                None => line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["StorageResolution"] = value.clone(),
            }
            parse(&line.to_string()).expect_err(&format!("{pointer} = {value}"));
        }
        parse(&line().to_string()[1..]).unwrap_err();
        parse(&format!("{}{}", line(), " ".repeat(MAX_LINE_BYTES))).unwrap_err();
    }
}
