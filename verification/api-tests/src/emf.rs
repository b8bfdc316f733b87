//! What a function prints in the embedded metric format, read as CloudWatch reads it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use emulator::LogSink;
use jsonschema::Validator;
use serde_json::Value;
use shared::metrics::registry;

/// A metric that CloudWatch bills: its name, and the names and values of its dimensions.
pub type BilledMetric = (String, Vec<(String, String)>);

/// The largest log event, in bytes.
const LONGEST: usize = 1024 * 1024;
/// The longest value of a dimension, in characters.
const LONGEST_VALUE: usize = 1024;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("emf/schema.json")).expect("JSON");
    jsonschema::draft202012::new(&schema).expect("a schema")
});

/// The directives that the code makes.
static DIRECTIVES: LazyLock<Vec<Value>> =
    LazyLock::new(|| registry::directives().map(|each| serde_json::to_value(each).expect("JSON")).collect());

/// Whether a line claims to be in the format.
pub fn claims_to_be(line: &str) -> bool {
    line.contains("\"_aws\"")
}

/// Reads a line that claims to be in the format, and returns the metrics that it adds to.
///
/// # Errors
/// What CloudWatch would refuse in it, or what is not in our list of metrics.
pub fn read(line: &str) -> Result<BTreeSet<BilledMetric>, String> {
    if line.len() > LONGEST {
        return Err(format!("{} bytes are too many", line.len()));
    }
    let document: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    SCHEMA.validate(&document).map_err(|error| format!("{}: {error}", error.instance_path()))?;
    let mut billed = BTreeSet::new();
    for directive in items(&document["_aws"]["CloudWatchMetrics"]) {
        if !DIRECTIVES.contains(directive) {
            return Err(format!("the registry has no {directive}"));
        }
        for metric in items(&directive["Metrics"]) {
            let name = text(&metric["Name"]);
            if !document[name].as_f64().is_some_and(f64::is_finite) {
                return Err(format!("{name} has no value"));
            }
            for set in items(&directive["Dimensions"]) {
                let dimensions = items(set).map(|dimension| {
                    let value = document[text(dimension)].as_str();
                    let value = value.filter(|value| (1..=LONGEST_VALUE).contains(&value.chars().count()));
                    Ok((text(dimension).to_owned(), value.ok_or(format!("{dimension} has no value"))?.to_owned()))
                });
                billed.insert((name.to_owned(), dimensions.collect::<Result<_, String>>()?));
            }
        }
    }
    Ok(billed)
}

/// A sink that ends the whole run of tests at a line that CloudWatch would refuse, whichever test has caused it; all others are handed on.
pub(crate) fn strict(sink: LogSink) -> LogSink {
    std::sync::Arc::new(move |line| {
        if claims_to_be(&line.text)
            && let Err(error) = read(&line.text)
        {
            let _unseen = std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!(
                    "{} has printed a line that is not in the embedded metric format: {error}\n{}\n",
                    line.function, line.text
                ),
            );
            std::process::exit(1);
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
    use serde_json::json;
    use std::time::Duration;

    use shared::metrics::{Document, Meter, Summary};

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
        serde_json::to_value(Document::new(summary, &Meter::default())).unwrap()
    }

    #[test]
    fn a_line_of_ours_is_read_and_each_metric_is_billed_once_for_each_set_of_dimensions() {
        let billed = read(&line().to_string()).unwrap();
        let service = ("Service".to_owned(), "kai".to_owned());
        let endpoint = ("Endpoint".to_owned(), "GET /health".to_owned());
        assert!(billed.contains(&("Latency".to_owned(), vec![service.clone()])));
        assert!(billed.contains(&("Latency".to_owned(), vec![service, endpoint])));
        assert_eq!(billed.len(), 3 * 2 + 9);
    }

    #[test]
    fn what_cloudwatch_would_refuse_is_refused() {
        let spoilt = [
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
        for (pointer, value) in spoilt {
            let mut line = line();
            match line.pointer_mut(pointer) {
                Some(member) => *member = value.clone(),
                None => line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["StorageResolution"] = value.clone(),
            }
            read(&line.to_string()).expect_err(&format!("{pointer} = {value}"));
        }
        read(&line().to_string()[1..]).unwrap_err();
        read(&format!("{}{}", line(), " ".repeat(LONGEST))).unwrap_err();
    }
}
