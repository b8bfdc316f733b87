//! A template before its intrinsic functions are resolved.

use super::{loops, yaml};
use crate::error::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// A template as JSON, with expanded loops and unresolved intrinsic functions: `!Ref X` is
/// `{"Ref": "X"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Value);

impl Document {
    /// Reads a template file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is not valid YAML, or contains a malformed
    /// loop.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Parses the text of a template. The path is only for the error message.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not valid YAML, or contains a malformed loop.
    pub fn parse(path: impl AsRef<Path>, text: &str) -> Result<Self> {
        let document = yaml::parse(text).map_err(|reason| Error::Yaml { path: path.as_ref().to_owned(), reason })?;
        loops::expand(document).map(Self)
    }

    /// Replaces the default values of parameters. Parameters that the template does not declare are
    /// ignored.
    #[must_use]
    pub fn with_parameters(mut self, parameters: &[(&str, &str)]) -> Self {
        for (name, value) in parameters {
            let parameter = self.0.pointer_mut(&format!("/Parameters/{name}")).and_then(Value::as_object_mut);
            parameter.map(|parameter| parameter.insert("Default".to_owned(), Value::from(*value)));
        }
        self
    }

    /// Returns the value at a JSON pointer, such as `/Resources/Api/Properties/StageName`.
    #[must_use]
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// Returns every resource with its logical id, regardless of its condition.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.0.get("Resources").and_then(Value::as_object);
        resources.into_iter().flatten().map(|(id, resource)| (id.as_str(), resource))
    }

    pub(super) fn value(&self) -> &Value {
        &self.0
    }
}
