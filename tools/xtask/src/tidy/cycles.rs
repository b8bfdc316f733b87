//! The rule that modules of different folders do not depend on each other in a cycle.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::tokens::Token;
use super::tree::Tree;

/// A file of a crate, and the paths below the root of the crate that it names.
struct Module<'a> {
    file: &'a str,
    names: BTreeSet<String>,
}

/// The modules of a crate by path, such as `conversation::history`.
type Modules<'a> = BTreeMap<String, Module<'a>>;

/// Checks that no modules of different folders name each other in a cycle.
///
/// A name that the root of the crate re-exports is not followed to its module.
pub(super) fn folders_have_no_cycles(tree: &Tree) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, Modules<'_>> = BTreeMap::new();
    for (file, tokens) in tree.sources() {
        let Some((root, path)) = file.split_once("/src/") else { continue };
        let Some(path) = path.strip_suffix(".rs").filter(|path| !["lib", "main"].contains(path)) else { continue };
        let path = path.replace('/', "::");
        let names = names(&path, &tokens);
        crates.entry(root).or_default().insert(path, Module { file, names });
    }
    crates.values().flat_map(cycles).collect()
}

/// Returns a finding for each module that reaches itself through a module of another folder.
fn cycles(modules: &Modules<'_>) -> Vec<Finding> {
    let edges: BTreeMap<&str, BTreeSet<&str>> = modules
        .iter()
        .map(|(path, module)| {
            let named = module.names.iter().filter_map(|name| resolve(modules, name));
            (path.as_str(), named.filter(|other| other != path).collect())
        })
        .collect();
    let mut findings = Vec::new();
    for (path, module) in modules {
        let reached = reachable(&edges, path);
        let cycle = reached.iter().filter(|other| reachable(&edges, other).contains(path.as_str()));
        let others: Vec<&str> = cycle.copied().filter(|other| folder(other) != folder(path)).collect();
        if !others.is_empty() {
            let text = format!("the module is in a cycle with {}", others.join(", "));
            findings.push(Finding::new(module.file, text));
        }
    }
    findings
}

/// Returns the modules that a module names directly or indirectly.
fn reachable<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = edges.get(from).into_iter().flatten().copied().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(edges.get(next).into_iter().flatten());
        }
    }
    reached
}

/// Returns the innermost module that a path leads to.
fn resolve<'a>(modules: &'a Modules<'_>, name: &str) -> Option<&'a str> {
    let mut name = name;
    loop {
        if let Some((path, _)) = modules.get_key_value(name) {
            return Some(path);
        }
        name = name.rsplit_once("::")?.0;
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once("::").map_or("", |(folder, _)| folder)
}

/// Returns the paths that begin with `crate` or `super`, relative to the root of the crate.
fn names(module: &str, tokens: &[Token]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (index, token) in tokens.iter().enumerate() {
        // A single colon stands before a type: `name: crate::Type`.
        let before = index.checked_sub(2).and_then(|start| tokens.get(start..index));
        let begins = !before.is_some_and(|before| before.iter().all(|token| token.is_mark(":")));
        if begins && token.is_word("crate") {
            collect("", tokens, index + 1, &mut names);
        } else if begins && token.is_word("super") {
            collect(folder(module), tokens, index + 1, &mut names);
        }
    }
    names
}

/// Adds the paths that continue `base` with `::name`, `::{…}` or `::*`. Returns the index of the
/// first token behind them.
fn collect(base: &str, tokens: &[Token], index: usize, names: &mut BTreeSet<String>) -> usize {
    let is_mark = |index: usize, mark: &str| tokens.get(index).is_some_and(|token| token.is_mark(mark));
    if !is_mark(index, ":") || !is_mark(index + 1, ":") {
        names.insert(base.to_owned());
        return index;
    }
    let start = index + 2;
    if is_mark(start, "{") {
        let mut index = start + 1;
        while !is_mark(index, "}") && index < tokens.len() {
            index = match segment(base, tokens, index) {
                Some(path) => collect(&path, tokens, index + 1, names),
                None => index + 1,
            };
        }
        return index + 1;
    }
    match segment(base, tokens, start) {
        Some(path) => collect(&path, tokens, start + 1, names),
        None => {
            names.insert(base.to_owned());
            start + 1
        }
    }
}

/// Returns a path with the word at `index` behind it.
fn segment(base: &str, tokens: &[Token], index: usize) -> Option<String> {
    let token = tokens.get(index).filter(|token| token.kind == super::tokens::Kind::Word)?;
    Some(match token.text.as_str() {
        "self" => base.to_owned(),
        "super" => folder(base).to_owned(),
        name if base.is_empty() => name.to_owned(),
        name => format!("{base}::{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let findings = folders_have_no_cycles(&Tree::of(files));
        findings.into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_cycle_across_folders_is_found_in_each_of_its_modules() {
        let inner = ("a/src/folder/inner.rs", "use crate::{other::{self, Thing}, third};\n");
        let other = ("a/src/other.rs", "fn f(thing: crate::folder::inner::Thing) {}\n");
        assert_eq!(found(&[inner, other, ("a/src/third.rs", "")]), ["a/src/folder/inner.rs", "a/src/other.rs"]);
        assert_eq!(found(&[inner, ("b/src/other.rs", other.1)]), Vec::<String>::new(), "of two crates");
        let indirect =
            [inner, ("a/src/other.rs", "use super::third::x;\n"), ("a/src/third.rs", "use crate::folder::inner::*;\n")];
        assert_eq!(found(&indirect).len(), 3);
    }

    #[test]
    fn a_cycle_in_one_folder_or_in_tests_alone_is_allowed() {
        let one = ("a/src/one.rs", "use crate::two::Two;\n");
        assert_eq!(found(&[one, ("a/src/two.rs", "use super::one::One;\n")]), Vec::<String>::new());
        let tests = "#[cfg(test)]\nmod tests { use crate::one::One; }\n";
        assert_eq!(found(&[one, ("a/src/two/inner.rs", tests)]), Vec::<String>::new());
    }

    #[test]
    fn a_parent_names_its_children_and_they_name_their_siblings() {
        let parent = ("a/src/folder.rs", "pub use self::inner::Inner;\n");
        let inner = ("a/src/folder/inner.rs", "use super::sibling::Sibling;\n");
        assert_eq!(found(&[parent, inner, ("a/src/folder/sibling.rs", "")]), Vec::<String>::new());
    }
}
