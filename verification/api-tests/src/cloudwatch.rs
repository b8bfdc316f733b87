//! The part of CloudWatch that the alarms of `infra/monitoring.yaml` need: metrics from the lines
//! that functions print, metric math, and alarms.

mod alarm;
mod expression;
mod metric_data;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use emulator::Resource;

pub use self::alarm::{Alarm, Query, Source};
pub use self::metric_data::{Metric, MetricData, Statistic};

/// The name of the stack in the emulator, which is the value of the dimension `Service`.
pub const SERVICE: &str = "kai-local";

/// The parameters of the template in the tests. They enable the alarms for every optional resource.
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

/// Returns the path of the template of the alarms and the dashboard.
fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/monitoring.yaml")
}

/// Reads the resources of the template by logical id.
pub fn resources() -> BTreeMap<String, Resource> {
    Resource::read_all(template(), &PARAMETERS).expect("the template is valid")
}

/// Reads the alarms of the template by logical id.
pub fn alarms() -> BTreeMap<String, Alarm> {
    let alarms = resources().into_iter().filter(|(_, resource)| resource.kind == "AWS::CloudWatch::Alarm");
    alarms.map(|(id, resource)| (id.clone(), Alarm::parse(&id, &resource.properties))).collect()
}
