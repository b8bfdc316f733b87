//! The alarms and the dashboard of `infra/monitoring.yaml`. They refer to existing metrics, and
//! each alarm fires when its fault occurs.

mod firing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use api_tests::cloudwatch::{self, Metric, Source, Statistic};
use api_tests::template;
use emulator::Route;
use serde_json::Value;
use shared::domain::MEMORY_BUDGETS;
use shared::metrics::catalog;

/// The AWS metrics that the alarms watch, with the dimensions that AWS documents for them.
const AWS_METRICS: [(&str, &str, &[&str]); 9] = [
    ("AWS/ApiGateway", "5xx", &["ApiId"]),
    ("AWS/ApiGateway", "Count", &["ApiId"]),
    ("AWS/Lambda", "Errors", &["FunctionName"]),
    ("AWS/Lambda", "Invocations", &["FunctionName"]),
    ("AWS/Lambda", "Throttles", &[]),
    ("AWS/RDS", "DatabaseConnections", &["DBClusterIdentifier"]),
    ("AWS/RDS", "DatabaseConnectionsCurrentlySessionPinned", &["ProxyName"]),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &["QueueName"]),
    ("AWS/Logs", "EMFValidationErrors", &["LogGroupName"]),
];

fn endpoints() -> BTreeSet<String> {
    template().functions.iter().flat_map(|function| &function.routes).map(Route::key).collect()
}

/// Asserts that the functions or AWS publish this metric with these dimensions.
#[track_caller]
fn assert_exists(metric: &Metric, what: &str) {
    let dimensions: BTreeSet<&str> = metric.dimensions.keys().map(String::as_str).collect();
    if metric.namespace != catalog::NAMESPACE {
        let known = AWS_METRICS.iter().any(|(namespace, name, names)| {
            (*namespace, *name) == (metric.namespace.as_str(), metric.name.as_str())
                && names.iter().copied().collect::<BTreeSet<_>>() == dimensions
        });
        assert!(known, "{what}: AWS does not publish {metric:?}");
        return;
    }
    let is_published = catalog::directives().any(|directive| {
        directive.metrics.iter().any(|published| published.name == metric.name)
            && directive.dimensions.iter().any(|set| set.iter().copied().collect::<BTreeSet<_>>() == dimensions)
    });
    assert!(is_published, "{what}: the functions do not publish {metric:?}");
    for (name, value) in &metric.dimensions {
        match name.as_str() {
            "Service" => assert_eq!(value, cloudwatch::SERVICE, "{what}"),
            "Endpoint" => assert!(endpoints().contains(value), "{what}: the template has no route {value}"),
            "Family" => {
                assert!(MEMORY_BUDGETS.iter().any(|(family, ..)| family == value), "{what}: unknown family {value}")
            }
            other => panic!("{what}: unknown dimension {other}"),
        }
    }
}

/// Reads a file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

#[test]
fn every_alarm_watches_existing_metrics_and_links_to_the_runbook() {
    let runbook = read("docs/runbook.md");
    let sections: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    let mut named = BTreeSet::new();
    for (id, alarm) in cloudwatch::alarms() {
        let (sentence, section) = alarm
            .description
            .split_once(" See docs/runbook.md#")
            .unwrap_or_else(|| panic!("{id}: the description has no link to the runbook"));
        assert!(sentence.ends_with('.') && sections.contains(section), "{id}: {section} is not in docs/runbook.md");
        named.insert(section.to_owned());
        assert!(
            alarm.datapoints <= alarm.periods && alarm.periods <= 3,
            "{id}: an alarm must fire within three periods"
        );
        for query in &alarm.queries {
            match &query.source {
                Source::Metric(metric, statistic) => {
                    assert_exists(metric, &id);
                    let is_latency = metric.name == "Latency";
                    assert_eq!(matches!(statistic, Statistic::Percentile(_)), is_latency, "{id}: {statistic:?}");
                    assert_ne!(*statistic, Statistic::Average, "{id}");
                }
                // This query sums over all log groups.
                Source::Expression(text) if text.starts_with("SELECT SUM(EMF") => {}
                Source::Expression(text) => {
                    assert!(
                        !text.contains('/') || text.contains("IF(") || text.ends_with("/ 100"),
                        "{id}: {text} may divide by zero"
                    );
                }
            }
        }
    }
    // These templates also contain alarms, on metrics of Lambda itself.
    for template in ["template.yaml", "infra/functions.yaml"].map(read) {
        let links = template.split(" See docs/runbook.md#").skip(1);
        named.extend(links.map(|rest| rest.split(['"', '\n']).next().unwrap().to_owned()));
    }
    assert_eq!(named, sections, "the alarms link to exactly the sections of docs/runbook.md");
    let watched: BTreeSet<String> = cloudwatch::alarms()
        .values()
        .flat_map(|alarm| alarm.queries.clone())
        .filter_map(|query| match query.source {
            Source::Metric(metric, Statistic::Percentile(_)) => metric.dimensions.get("Endpoint").cloned(),
            _ => None,
        })
        .collect();
    let api: BTreeSet<_> = endpoints().into_iter().filter(|route| route.contains(" /api/")).collect();
    assert_eq!(watched, api, "the latency of exactly the API routes is watched");
}

#[test]
fn every_widget_shows_existing_metrics_with_percentiles_and_without_division_by_zero() {
    let resources = cloudwatch::resources();
    let body = resources["Dashboard"].properties["DashboardBody"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let mut titles = BTreeSet::new();
    let mut positions = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let properties = &widget["properties"];
        let title = properties["title"].as_str().unwrap();
        assert!(titles.insert(title), "two widgets have the title {title}");
        assert!(positions.insert((widget["x"].as_i64(), widget["y"].as_i64())), "{title} overlaps another widget");
        for metric in properties["metrics"].as_array().unwrap() {
            let parts = metric.as_array().unwrap();
            let options = parts.iter().find(|part| part.is_object()).cloned().unwrap_or_default();
            if let Some(expression) = options["expression"].as_str() {
                let divides = expression.contains(" / ");
                assert!(!divides || expression.starts_with("IF("), "{title}: {expression} may divide by zero");
                continue;
            }
            let names: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
            let (namespace, name, dimensions) = (names[0], names[1], &names[2..]);
            let dimensions: BTreeMap<_, _> =
                dimensions.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect();
            assert_exists(&Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }, title);
            let statistic = options["stat"].as_str().or(properties["stat"].as_str()).unwrap();
            let is_time = ["Latency", "DbTime", "LlmTime"].contains(&name);
            assert_eq!(statistic.starts_with('p'), is_time, "{title}: {name} by {statistic}");
        }
    }
    for title in [
        "Requests per minute",
        "Latency",
        "Error rate",
        "Hit rate by family",
        "Slow queries",
        "Redis",
        "Database",
        "Model",
    ] {
        assert!(titles.contains(title), "the CloudWatch dashboard has no widget {title}, unlike the local one");
    }
    let rates =
        body["widgets"].as_array().unwrap().iter().find(|widget| widget["properties"]["title"] == "Hit rate by family");
    assert_eq!(rates.unwrap()["properties"]["annotations"]["horizontal"][0]["value"], 80);
}

#[test]
fn the_stack_is_billed_for_fewer_than_200_metrics() {
    let billed = catalog::billed(endpoints().len(), MEMORY_BUDGETS.len());
    println!("{billed} metrics");
    assert!(billed < 200, "{billed} metrics");
}
