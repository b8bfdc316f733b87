//! A SAM template: its functions, their triggers, the HTTP API in front of them, tables and queues.

mod api;
mod document;
mod function;
mod intrinsic;
mod loops;
mod property;
mod storage;
mod trigger;
mod yaml;

pub use api::{Api, Cors, Throttle};
pub use document::Document;
pub use function::{Function, Route, Schedule, Variable};
pub(crate) use intrinsic::{ACCOUNT, REGION};
pub use storage::{Queue, Table};
pub use trigger::{Asynchronous, QueueSource, Subscription};

use crate::error::{Error, Result};
use intrinsic::Scope;
use property::Properties;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path};

/// A resource of any template, with resolved properties.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// The type of the resource, such as `AWS::CloudWatch::Alarm`.
    pub kind: String,
    /// The properties, with every intrinsic function resolved.
    pub properties: Value,
}

impl Resource {
    /// Reads the resources of a template whose condition holds, by logical id. A parameter has its
    /// value in `parameters`, or else its default.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or is not valid YAML. Also returns an error if a
    /// property depends on a value that is known only after deployment.
    pub fn read_all(path: impl AsRef<Path>, parameters: &[(&str, &str)]) -> Result<BTreeMap<String, Self>> {
        let document = Document::read(path)?.with_parameters(parameters);
        let scope = Scope::new(document.value());
        let mut resources = BTreeMap::new();
        for (id, resource) in document.resources() {
            if scope.includes(resource).map_err(|unresolved| Error::template(id, "Condition", unresolved.rule()))? {
                let kind = resource["Type"].as_str().unwrap_or_default().to_owned();
                let properties = scope.resolve(&resource["Properties"]);
                let properties =
                    properties.map_err(|unresolved| Error::template(id, "Properties", unresolved.rule()))?;
                resources.insert(id.to_owned(), Self { kind, properties });
            }
        }
        Ok(resources)
    }
}

/// The parts of a SAM template that determine how its functions run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// Every `AWS::Serverless::Function` whose condition holds, in the order of the logical ids.
    pub functions: Vec<Function>,
    /// The HTTP API in front of them.
    pub api: Api,
    /// Every `AWS::DynamoDB::Table` whose condition holds.
    pub tables: Vec<Table>,
    /// Every `AWS::SQS::Queue` whose condition holds.
    pub queues: Vec<Queue>,
}

impl Template {
    /// Reads a template file. Parameters have their default values.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or is not valid YAML, or if a property is
    /// malformed or not emulated. The message names the resource, the property and the rule.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::parse(&Document::read(path)?)
    }

    /// Parses a template. Parameters have the default values in the document.
    ///
    /// # Errors
    ///
    /// Returns an error if a property is malformed or not emulated. The message names the resource,
    /// the property and the rule.
    pub fn parse(document: &Document) -> Result<Self> {
        let document = document.value();
        let scope = Scope::new(document);
        let Some(resources) = document["Resources"].as_object() else {
            return Err(Error::template("the template", "Resources", "expected a map of resources"));
        };
        let mut functions = Vec::new();
        let (mut apis, mut tables, mut queues) = (Vec::new(), Vec::new(), Vec::new());
        for (id, resource) in resources {
            if !scope.includes(resource).map_err(|unresolved| Error::template(id, "Condition", unresolved.rule()))? {
                continue;
            }
            let properties = |section| {
                let merged = property::merge(global(document, section), &resource["Properties"]);
                Properties::new(id, merged, &scope)
            };
            match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => {
                    functions.push(Function::read(&properties("Function"), &resource["Metadata"])?);
                }
                Some("AWS::Serverless::HttpApi") => apis.push(properties("HttpApi")),
                Some("AWS::DynamoDB::Table") => tables.push(Table::read(&properties(""))?),
                Some("AWS::SQS::Queue") => queues.push(Queue::read(&properties(""))?),
                _ => {}
            }
        }
        let api = match apis.as_slice() {
            // If events name no API, SAM creates an API with this logical id.
            [] => Api::read(&Properties::new("ServerlessHttpApi", global(document, "HttpApi").clone(), &scope))?,
            [one] => Api::read(one)?,
            [_, second, ..] => return Err(second.error("Type", "only one AWS::Serverless::HttpApi is emulated")),
        };
        function::name_by_binary(&mut functions);
        function::reject_doubled_routes(&functions)?;
        function::reject_own_logs(&functions)?;
        Ok(Self { functions, api, tables, queues })
    }

    /// Returns the function with this short name, logical id or `FunctionName`.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.is_called(name))
    }
}

fn global<'a>(document: &'a Value, section: &str) -> &'a Value {
    document["Globals"].get(section).unwrap_or(&Value::Null)
}
