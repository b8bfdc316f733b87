//! The names of the functions in the template of their alarms.

use std::fs;

use anyhow::{Context as _, Result};
use emulator::Template;

use crate::workspace::Workspace;

pub(crate) const PATH: &str = "infra/functions.yaml";
/// How a line of the parameters ends.
const PARAMETER: &str = "Function: { Type: String }";
/// The lines before and after the list that the loop reads.
const LIST: [&str; 2] = ["    - [\n", "      ]\n"];
const LINE_WIDTH: usize = 100;

/// Writes the names of the functions of `template.yaml`.
pub(super) fn write(workspace: &Workspace) -> Result<()> {
    let template = Template::read(workspace.path("template.yaml"))?;
    let names: Vec<&str> =
        template.functions.iter().filter_map(|function| function.logical_id.strip_suffix("Function")).collect();
    let path = workspace.path(PATH);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = with_names(&text, &names).with_context(|| format!("{PATH} has no parameters or no loop"))?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Replaces the names in the parameters and in the loop.
fn with_names(text: &str, names: &[&str]) -> Option<String> {
    let parameters: String = names.iter().map(|name| format!("  {name}{PARAMETER}\n")).collect();
    let is_parameter = |line: &&str| line.trim_end().ends_with(PARAMETER);
    let before: String = text.split_inclusive('\n').take_while(|line| !is_parameter(line)).collect();
    let rest = text.get(before.len()..)?;
    let after: String = rest.split_inclusive('\n').skip_while(is_parameter).collect();

    let [open, close] = LIST;
    let (head, list) = after.split_once(open)?;
    let (_, tail) = list.split_once(close)?;
    Some(format!("{before}{parameters}{head}{open}{}{close}{tail}", wrapped(names)))
}

/// Writes a list of names, separated by commas, in indented lines of limited width.
fn wrapped(names: &[&str]) -> String {
    const INDENT: &str = "        ";
    let mut lines = vec![INDENT.to_owned()];
    for (index, name) in names.iter().enumerate() {
        let item = if index + 1 < names.len() { format!("{name}, ") } else { (*name).to_owned() };
        match lines.last_mut() {
            Some(line) if line.len() + item.trim_end().len() <= LINE_WIDTH => line.push_str(&item),
            _ => lines.push(format!("{INDENT}{item}")),
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Parameters:
  Topic: { Type: String }
  AFunction: { Type: String }
  BFunction: { Type: String }

Resources:
  Fn::ForEach::Alarms:
    - Name
    - [
        A, B
      ]
    - \"${Name}Alarm\": {}
";

    #[test]
    fn the_names_replace_those_in_the_parameters_and_in_the_loop() {
        let written = with_names(TEMPLATE, &["A", "C"]).unwrap();
        assert_eq!(written, TEMPLATE.replace("BFunction", "CFunction").replace("A, B", "A, C"));
        assert_eq!(with_names(&written, &["A", "B"]).unwrap(), TEMPLATE);
    }

    #[test]
    fn a_template_without_the_loop_is_an_error() {
        assert_eq!(with_names("Parameters:\n", &["A"]), None);
    }

    #[test]
    fn a_long_list_is_wrapped() {
        let names = vec!["JournalInsights"; 20];
        let list = wrapped(&names);
        assert!(list.lines().count() > 1 && list.lines().all(|line| line.len() <= LINE_WIDTH), "{list}");
        assert_eq!(list.matches("JournalInsights").count(), names.len());
    }
}
