//! `cargo xtask tidy`: checks the invariants of ARCHITECTURE.md that the compiler cannot check.
//!
//! Each rule is a function that takes the repository's files and returns findings. The command runs
//! all rules, even if one of them finds a violation, and prints every finding.

mod contract;
mod cycles;
mod deployment;
mod generated;
mod layers;
mod layout;
mod links;
mod manifest;
mod permissions;
mod prose;
mod tokens;
mod tree;
mod words;

use std::fmt;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use tree::Tree;

struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// All rules, in the order in which they run.
const RULES: &[Rule] = &[
    Rule { name: "function-and-template", check: layout::functions_and_template_agree },
    Rule { name: "permissions", check: permissions::permissions_match_the_code },
    Rule { name: "connections", check: deployment::the_database_has_enough_connections },
    Rule { name: "own-role", check: layout::functions_have_roles_of_their_own },
    Rule { name: "events", check: layout::functions_have_events },
    Rule { name: "api-tests", check: layout::functions_have_tests },
    Rule { name: "module-size", check: layout::modules_are_small },
    Rule { name: "module-name", check: layout::module_names_are_specific },
    Rule { name: "module-doc", check: layout::modules_begin_with_a_doc },
    Rule { name: "cycles", check: cycles::folders_have_no_cycles },
    Rule { name: "layers", check: layers::everything_is_in_its_layer },
    Rule { name: "private-text", check: layers::user_text_is_not_logged },
    Rule { name: "crates", check: manifest::crates_depend_one_way },
    Rule { name: "lints", check: manifest::crates_take_the_workspace_lints },
    Rule { name: "bans", check: manifest::bans_have_reasons },
    Rule { name: "variables", check: contract::variables_are_in_the_template },
    Rule { name: "generated", check: generated::parts_are_up_to_date },
    Rule { name: "routes", check: contract::routes_are_in_the_openapi_document },
    Rule { name: "migrations", check: contract::migrations_go_both_ways },
    Rule { name: "timeouts", check: deployment::timeouts_exceed_those_of_callees },
    Rule { name: "log-groups", check: deployment::log_groups_have_a_retention_period },
    Rule { name: "prose", check: prose::sentences_name_their_actors },
    Rule { name: "doc-comments", check: prose::doc_comments_say_more_than_the_name },
    Rule { name: "width", check: prose::prose_is_wrapped },
    Rule { name: "links", check: links::links_lead_somewhere },
    Rule { name: "words", check: words::files_contain_no_leftovers },
];

/// A violation or a warning that a rule found.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// The line, counted from 1, or `None` if the finding is about the whole file.
    line: Option<usize>,
    text: String,
    /// Whether the finding is a warning, which does not fail the command.
    is_warning: bool,
}

impl Finding {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, text: text.into(), is_warning: false }
    }

    fn at(path: impl Into<String>, line: usize, text: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::new(path, text) }
    }

    fn warning(self) -> Self {
        Self { is_warning: true, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        let warning = if self.is_warning { "warning: " } else { "" };
        write!(f, "{}{line}: {warning}{}", self.path, self.text)
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<ExitCode> {
    check(workspace)?;
    println!("✓ all {} rules pass", RULES.len());
    Ok(ExitCode::SUCCESS)
}

/// Runs every rule and prints the findings.
///
/// # Errors
/// A rule found a violation, or the repository cannot be read.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let tree = Tree::load(workspace.root())?;
    let mut violations = 0;
    for rule in RULES {
        for finding in (rule.check)(&tree) {
            println!("{finding} [{}]", rule.name);
            violations += usize::from(!finding.is_warning);
        }
    }
    if violations > 0 {
        bail!("the rules found {violations} violations");
    }
    Ok(())
}
