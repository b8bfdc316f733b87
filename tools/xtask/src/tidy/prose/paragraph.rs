//! Finds the prose in a file: comments, and the text of Markdown pages.

/// A paragraph, an item of a list or a cell of a table.
#[derive(Debug)]
pub(super) struct Paragraph {
    /// The first line, counted from 1.
    pub(super) line: usize,
    /// The text on one line, in which `code` stands for each piece of code.
    pub(super) text: String,
    /// The number of words, those of code included.
    pub(super) words: usize,
    /// Whether this is all of a doc comment.
    pub(super) is_whole_doc: bool,
}

/// A line of a comment or a page.
struct Line<'a> {
    number: usize,
    kind: Kind,
    /// The text without the comment mark.
    text: &'a str,
    whole: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Comment,
    /// A doc comment of the item below it.
    Doc,
    Text,
}

impl Line<'_> {
    fn is_row(&self) -> bool {
        self.text.trim_start().starts_with('|')
    }

    fn is_heading(&self) -> bool {
        let text = self.text.trim_start();
        text.starts_with("# ") || text.starts_with("##")
    }

    fn begins_item(&self) -> bool {
        ["* ", "- "].iter().any(|mark| self.text.trim_start().starts_with(mark))
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Returns the lines that should wrap, with their numbers.
pub(super) fn prose_lines<'a>(path: &str, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let wrapped = lines(path, text).into_iter().filter(|line| !line.is_row() && !line.is_heading());
    wrapped.map(|line| (line.number, line.whole))
}

/// Returns the paragraphs of a file. Only sources, Markdown and configuration have any.
pub(super) fn paragraphs(path: &str, text: &str) -> Vec<Paragraph> {
    let lines = lines(path, text);
    let blocks = lines.chunk_by(|line, next| line.number + 1 == next.number && line.kind == next.kind);
    blocks.flat_map(block_paragraphs).collect()
}

/// Returns the paragraphs of adjacent lines.
fn block_paragraphs(block: &[Line<'_>]) -> Vec<Paragraph> {
    let is_break = |line: &Line<'_>| line.is_blank() || line.is_heading() || line.is_row();
    let parts = block.chunk_by(|line, next| !is_break(line) && !is_break(next) && !next.begins_item());
    let parts = parts.filter(|part| !part.iter().any(|line| line.is_blank() || line.is_heading()));
    let mut paragraphs: Vec<Paragraph> = parts.flat_map(part_paragraphs).collect();
    if let [only] = paragraphs.as_mut_slice() {
        only.is_whole_doc = block.iter().all(|line| line.kind == Kind::Doc && !line.is_heading());
    }
    paragraphs
}

/// Returns the paragraph of some lines, or the cells of a row.
fn part_paragraphs(part: &[Line<'_>]) -> Vec<Paragraph> {
    let Some(first) = part.first() else { return Vec::new() };
    let paragraph = |text: &str| Paragraph {
        line: first.number,
        words: text.split_whitespace().count(),
        text: without_code(text),
        is_whole_doc: false,
    };
    if first.is_row() {
        let cells = first.text.split('|').map(str::trim);
        return cells.filter(|cell| !cell.is_empty()).map(paragraph).collect();
    }
    let lines: Vec<&str> = part.iter().map(|line| line.text.trim()).collect();
    vec![paragraph(lines.join(" ").trim_start_matches(['*', '-', ' ']))]
}

/// Replaces each piece of code between backticks.
fn without_code(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "code" }).collect()
}

/// Returns the lines of prose. Code between fences is left out.
fn lines<'a>(path: &str, text: &'a str) -> Vec<Line<'a>> {
    // Databases store the checksum of each migration, which includes its comments.
    if path.starts_with("migrations/") && path.ends_with(".sql") {
        return Vec::new();
    }
    let extension = path.rsplit('.').next().unwrap_or_default();
    let mut is_code = false;
    let mut lines = Vec::new();
    for (index, whole) in text.lines().enumerate() {
        let Some((kind, text)) = prose(extension, whole.trim_start()) else { continue };
        if text.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(Line { number: index + 1, kind, text, whole });
        }
    }
    lines
}

/// Returns the text of a line of prose.
fn prose<'a>(extension: &str, line: &'a str) -> Option<(Kind, &'a str)> {
    let after = |mark: &str, kind| line.strip_prefix(mark).map(|text| (kind, text));
    match extension {
        "rs" => after("///", Kind::Doc).or(after("//!", Kind::Comment)).or(after("//", Kind::Comment)),
        "md" => Some((Kind::Text, line)),
        "sql" => after("--", Kind::Comment),
        "yaml" | "yml" | "toml" | "py" | "sh" => after("#", Kind::Comment),
        _ => None,
    }
}
