//! What a SAM template says about its functions, their triggers and the HTTP API in front of them.

mod api;
mod function;
mod intrinsic;
mod property;
mod yaml;

pub use api::{Api, Cors, Throttle};
pub use function::{Function, Route, Schedule, Variable};
pub(crate) use intrinsic::{ACCOUNT, REGION};

use crate::error::{Error, Result};
use intrinsic::Scope;
use property::Properties;
use serde_json::Value;
use std::path::Path;

/// The parts of a SAM template that decide how its functions run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// Every `AWS::Serverless::Function` whose condition holds, by logical id.
    pub functions: Vec<Function>,
    /// The HTTP API in front of them.
    pub api: Api,
}

impl Template {
    /// Reads a template file. Parameters take their defaults.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not YAML, or holds a property that is malformed or not emulated; the text names
    /// the resource, the property and the rule.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let document = yaml::parse(&text).map_err(|reason| Error::Yaml { path: path.to_owned(), reason })?;
        Self::from_document(&document)
    }

    /// The function with this name: its short name, its logical id or its `FunctionName`.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.is_called(name))
    }

    fn from_document(document: &Value) -> Result<Self> {
        let scope = Scope::new(document);
        let Some(resources) = document["Resources"].as_object() else {
            return Err(Error::template("the template", "Resources", "a map of resources is expected"));
        };
        let mut functions = Vec::new();
        let mut apis = Vec::new();
        for (id, resource) in resources {
            if !scope.includes(resource).map_err(|unresolved| Error::template(id, "Condition", unresolved.0))? {
                continue;
            }
            let section = match resource["Type"].as_str() {
                Some("AWS::Serverless::Function") => "Function",
                Some("AWS::Serverless::HttpApi") => "HttpApi",
                _ => continue,
            };
            let merged = property::merge(global(document, section), &resource["Properties"]);
            let properties = Properties::new(id, merged, &scope);
            if section == "HttpApi" {
                apis.push(properties);
            } else {
                functions.push(Function::read(&properties, &resource["Metadata"])?);
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
        Ok(Self { functions, api })
    }
}

fn global<'a>(document: &'a Value, section: &str) -> &'a Value {
    document["Globals"].get(section).unwrap_or(&Value::Null)
}
