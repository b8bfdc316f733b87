//! CloudWatch, as far as the alarms of `infra/monitoring.yaml` need it: metrics from the lines that functions print, metric math, alarms.

mod alarm;
mod expression;
mod series;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use emulator::Resource;

pub use self::alarm::{Alarm, Query, Source};
pub use self::series::{Metric, Metrics, Statistic};

/// What the emulator calls the stack, and so the value of every metric's dimension `Service`.
pub const SERVICE: &str = "kai-local";

/// What the template's parameters are in the tests: everything is there to be watched.
const PARAMETERS: [(&str, &str); 11] = [
    ("Service", SERVICE),
    ("ApiId", "api"),
    ("ChatFunctionName", "chat-send"),
    ("CacheMonitorFunctionName", "cache-monitor"),
    ("MetricsRollupFunctionName", "metrics-rollup"),
    ("AlarmTopicArn", "arn:aws:sns:us-east-1:123456789012:alarms"),
    ("CacheId", "kai"),
    ("DatabaseClusterId", "kai"),
    ("DatabaseProxyName", "kai"),
    ("DatabaseMaxConnections", "100"),
    ("DeadLetterQueueName", "dead"),
];

/// The template of what operators watch.
pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/monitoring.yaml")
}

/// Its resources, by logical id.
pub fn resources() -> BTreeMap<String, Resource> {
    Resource::read_all(template(), &PARAMETERS).expect("the template")
}

/// Its alarms, by logical id.
pub fn alarms() -> BTreeMap<String, Alarm> {
    let alarms = resources().into_iter().filter(|(_, resource)| resource.kind == "AWS::CloudWatch::Alarm");
    alarms.map(|(id, resource)| (id.clone(), Alarm::read(&id, &resource.properties))).collect()
}
