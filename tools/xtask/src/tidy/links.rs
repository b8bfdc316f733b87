//! The rule that every link within the repository leads somewhere.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::Tree;

/// Checks the links of Markdown pages, and references to sections of pages in other files, such
/// as `docs/runbook.md#a-function-fails`.
pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            let targets = if path.ends_with(".md") { links(line) } else { references(line) };
            let base = if path.ends_with(".md") { path } else { "" };
            for target in targets {
                if let Some(problem) = problem(tree, base, target) {
                    findings.push(Finding::at(path, index + 1, problem));
                }
            }
        }
    }
    findings
}

/// Returns the targets of the links in a line of Markdown, except for links to other sites.
fn links(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// Returns the references to sections of pages in `docs/`.
fn references(line: &str) -> Vec<&str> {
    let is_end = |c: char| !(c.is_alphanumeric() || "/.#_-".contains(c));
    let words = line.split(is_end).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.starts_with("docs/") && word.contains(".md#") && !word.ends_with('#')).collect()
}

/// Says why a link leads nowhere, or returns `None` if it leads somewhere.
fn problem(tree: &Tree, base: &str, target: &str) -> Option<String> {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { base.to_owned() } else { resolve(base, file) };
    if !tree.exists(&path) {
        return Some(format!("{target}: there is no file or folder {path}"));
    }
    let anchor = anchor?;
    let has_section = tree.file(&path).is_some_and(|page| anchors(page).iter().any(|known| known == anchor));
    (!has_section).then(|| format!("{target}: {path} has no section #{anchor}"))
}

/// Resolves a path relative to the folder of a file.
fn resolve(base: &str, target: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns the anchors that GitHub gives the headings of a page: lower case, hyphens for spaces, no
/// punctuation, and a number after a repeated heading.
fn anchors(page: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut is_code = false;
    let mut anchors = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        let Some((marks, title)) = line.split_once(' ').filter(|_| !is_code) else { continue };
        if marks.is_empty() || !marks.chars().all(|c| c == '#') {
            continue;
        }
        let kept =
            title.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
        let slug = kept.replace(' ', "-");
        let repeated = seen.entry(slug.clone()).or_default();
        anchors.push(if *repeated == 0 { slug } else { format!("{slug}-{repeated}") });
        *repeated += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\n## What a `GET` does, and why\n\n## Again\n\n```sh\n# comment\n```\n\n## Again\n";

    fn count(path: &str, text: &str) -> usize {
        links_lead_somewhere(&Tree::of(&[("docs/page.md", PAGE), ("guide/page.md", PAGE), (path, text)])).len()
    }

    #[test]
    fn a_link_leads_to_a_file_a_folder_or_a_section() {
        for target in [
            "guide/page.md",
            "guide/",
            "guide",
            "guide/page.md#a-page",
            "guide/page.md#what-a-get-does-and-why",
            "guide/page.md#again-1",
            "https://example.org/nothing",
            "#here",
        ] {
            assert_eq!(count("README.md", &format!("# Here\n\nSee [it]({target}).\n")), 0, "{target}");
        }
        for target in
            ["guide/gone.md", "guide/page.md#comment", "guide/page.md#again-2", "#there", "../guide/page.md/x"]
        {
            assert_eq!(count("README.md", &format!("# Here\n\nSee [it]({target}).\n")), 1, "{target}");
        }
    }

    #[test]
    fn a_link_is_relative_to_its_page() {
        assert_eq!(count("guide/other.md", "[a](page.md) [b](../guide/page.md#again)\n"), 0);
        assert_eq!(count("guide/other.md", "[a](guide/page.md)\n"), 1);
    }

    #[test]
    fn a_section_named_in_a_template_or_a_source_exists() {
        // This file would break the rule if a name stood here in one piece.
        let reference = |section: &str| format!("# See docs/{}#{section}.\n", "page.md");
        assert_eq!(count("samconfig.toml", &reference("again")), 0);
        assert_eq!(count("samconfig.toml", &reference("never")), 1);
        assert_eq!(count("a.rs", &reference("never")), 1);
    }
}
