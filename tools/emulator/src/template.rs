//! What a SAM template says about its functions, their triggers and the HTTP API in front of them.

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

/// A resource of any template, as far as the template decides it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Such as `AWS::CloudWatch::Alarm`.
    pub kind: String,
    /// Its properties, with every intrinsic function resolved.
    pub properties: Value,
}

impl Resource {
    /// Reads the resources of a template whose condition holds, by logical id. Parameters take these values, or their defaults.
    ///
    /// # Errors
    ///
    /// The file cannot be read or is not YAML, or a property depends on what only a deployment knows.
    pub fn read_all(path: impl AsRef<Path>, parameters: &[(&str, &str)]) -> Result<BTreeMap<String, Self>> {
        let document = Document::read(path)?.with_parameters(parameters);
        let scope = Scope::new(document.value());
        let mut resources = BTreeMap::new();
        for (id, resource) in document.resources() {
            if scope.includes(resource).map_err(|unresolved| Error::template(id, "Condition", unresolved.0))? {
                let kind = resource["Type"].as_str().unwrap_or_default().to_owned();
                let properties = scope.resolve(&resource["Properties"]);
                let properties = properties.map_err(|unresolved| Error::template(id, "Properties", unresolved.0))?;
                resources.insert(id.to_owned(), Self { kind, properties });
            }
        }
        Ok(resources)
    }
}

/// The parts of a SAM template that decide how its functions run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// Every `AWS::Serverless::Function` whose condition holds, by logical id.
    pub functions: Vec<Function>,
    /// The HTTP API in front of them.
    pub api: Api,
    /// Every `AWS::DynamoDB::Table` whose condition holds.
    pub tables: Vec<Table>,
    /// Every `AWS::SQS::Queue` whose condition holds.
    pub queues: Vec<Queue>,
}

impl Template {
    /// Reads a template file. Parameters take their defaults.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not YAML, or holds a property that is malformed or not emulated; the text names
    /// the resource, the property and the rule.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::parse(&Document::read(path)?)
    }

    /// Parses a template. Parameters have the defaults of the document.
    ///
    /// # Errors
    ///
    /// A property is malformed or not emulated; the text names the resource, the property and the rule.
    pub fn parse(document: &Document) -> Result<Self> {
        let document = document.value();
        let scope = Scope::new(document);
        let Some(resources) = document["Resources"].as_object() else {
            return Err(Error::template("the template", "Resources", "a map of resources is expected"));
        };
        let mut functions = Vec::new();
        let (mut apis, mut tables, mut queues) = (Vec::new(), Vec::new(), Vec::new());
        for (id, resource) in resources {
            if !scope.includes(resource).map_err(|unresolved| Error::template(id, "Condition", unresolved.0))? {
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
            // SAM makes an API of its own, named so, where events name none.
            [] => Api::read(&Properties::new("ServerlessHttpApi", global(document, "HttpApi").clone(), &scope))?,
            [one] => Api::read(one)?,
            [_, second, ..] => return Err(second.error("Type", "one AWS::Serverless::HttpApi is emulated, not two")),
        };
        function::name_by_binary(&mut functions);
        function::reject_doubled_routes(&functions)?;
        function::reject_own_logs(&functions)?;
        Ok(Self { functions, api, tables, queues })
    }

    /// The function with this name: its short name, its logical id or its `FunctionName`.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.is_called(name))
    }
}

fn global<'a>(document: &'a Value, section: &str) -> &'a Value {
    document["Globals"].get(section).unwrap_or(&Value::Null)
}
