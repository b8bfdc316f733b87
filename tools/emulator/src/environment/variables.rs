//! The environment variables of a function.

use std::collections::BTreeMap;
use std::path::Path;

use crate::template::REGION;

/// The properties of a function that its environment variables describe.
pub(crate) struct Identity<'a> {
    pub(crate) function_name: &'a str,
    pub(crate) memory_size: u64,
    pub(crate) log_group: &'a str,
    pub(crate) log_stream: &'a str,
    pub(crate) runtime_api: &'a str,
    pub(crate) binary: &'a Path,
}

/// Returns the variables of the template and those that Lambda defines. The template cannot
/// override a reserved variable.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
///
/// `AWS_EXECUTION_ENV` is not set. Lambda does not set it for the OS-only runtimes (`provided.*`)
/// either.
pub(crate) fn variables(template: &BTreeMap<String, String>, identity: &Identity<'_>) -> BTreeMap<String, String> {
    let folder = identity.binary.parent().unwrap_or(Path::new("/")).display().to_string();
    let unreserved = [
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
        ("TZ", ":UTC"),
    ];
    let reserved = [
        ("AWS_ACCESS_KEY_ID", "emulator"),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &identity.memory_size.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", identity.function_name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", identity.log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", identity.log_stream),
        ("AWS_LAMBDA_RUNTIME_API", identity.runtime_api),
        ("AWS_REGION", REGION),
        ("AWS_SECRET_ACCESS_KEY", "emulator"),
        ("AWS_SESSION_TOKEN", "emulator"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LAMBDA_TASK_ROOT", &folder),
        ("_HANDLER", "bootstrap"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut variables: BTreeMap<String, String> = unreserved.into_iter().map(owned).collect();
    variables.extend(template.clone());
    variables.extend(reserved.into_iter().map(owned));
    variables
}
