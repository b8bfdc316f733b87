//! Converts Rust sources to a flat list of tokens.

use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A word, a punctuation mark or a literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// The text of the token. For a string literal, the text between the quotes.
    pub(super) text: String,
    /// The line, counted from 1.
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Mark,
    String,
    OtherLiteral,
}

/// Returns the tokens of a file. Comments, attributes, doc comments and code that is only for tests
/// are left out. A file that is not valid Rust has no tokens, because the compiler reports it.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut flat = Vec::new();
    if let Ok(stream) = TokenStream::from_str(source) {
        flatten(stream, &mut flat);
    }
    flat
}

/// Returns the lines with a path that begins with a crate or module of this name. `redis::` is such
/// a path, and `self.redis` and `crate::redis` are not.
pub(super) fn uses_of<'a>(tokens: &'a [Token], name: &str) -> impl Iterator<Item = usize> + 'a {
    let name = name.to_owned();
    tokens
        .iter()
        .enumerate()
        .filter(move |(index, token)| {
            let before = index.checked_sub(1).and_then(|index| tokens.get(index));
            token.is_word(&name)
                && is_path(tokens, index + 1)
                && !before.is_some_and(|token| token.is_mark(".") || token.is_mark(":"))
        })
        .map(|(_, token)| token.line)
}

impl Token {
    pub(super) fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && self.text == text
    }

    pub(super) fn is_mark(&self, text: &str) -> bool {
        self.kind == Kind::Mark && self.text == text
    }
}

fn is_path(tokens: &[Token], index: usize) -> bool {
    tokens.get(index..index + 2).is_some_and(|next| next.iter().all(|token| token.is_mark(":")))
}

fn flatten(stream: TokenStream, flat: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                trees.next_if(|next| matches!(next, TokenTree::Punct(mark) if mark.as_char() == '!'));
                let attribute = trees
                    .next_if(|next| matches!(next, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket));
                if attribute.is_some_and(|attribute| is_for_tests(&attribute)) {
                    skip_item(&mut trees);
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                flat.push(Token { kind: Kind::Mark, text: open.to_owned(), line: group.span_open().start().line });
                flatten(group.stream(), flat);
                flat.push(Token { kind: Kind::Mark, text: close.to_owned(), line: group.span_close().start().line });
            }
            TokenTree::Ident(word) => {
                flat.push(Token { kind: Kind::Word, text: word.to_string(), line: word.span().start().line })
            }
            TokenTree::Punct(mark) => {
                flat.push(Token { kind: Kind::Mark, text: mark.to_string(), line: mark.span().start().line });
            }
            TokenTree::Literal(literal) => {
                let (text, line) = (literal.to_string(), literal.span().start().line);
                flat.push(match unquoted(&text) {
                    Some(inner) => Token { kind: Kind::String, text: inner.to_owned(), line },
                    None => Token { kind: Kind::OtherLiteral, text, line },
                });
            }
        }
    }
}

/// Returns whether an attribute is `#[cfg(test)]` or another `cfg` that names `test`.
fn is_for_tests(attribute: &TokenTree) -> bool {
    let TokenTree::Group(attribute) = attribute else { return false };
    let text = attribute.stream().to_string();
    text.starts_with("cfg") && text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "test")
}

/// Skips an item up to the end of its braces, or up to a semicolon if that comes first.
fn skip_item(trees: &mut impl Iterator<Item = TokenTree>) {
    for tree in trees {
        match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(mark) if mark.as_char() == ';' => return,
            _ => {}
        }
    }
}

fn unquoted(literal: &str) -> Option<&str> {
    let quoted = literal.trim_start_matches(['b', 'c', 'r']).trim_matches('#');
    quoted.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_attributes_and_tests_are_left_out() {
        let source = "//! doc \"x\"\nuse a::b; // \"y\"\n#[serde(rename = \"z\")]\nstruct S;\n#[cfg(test)]\nmod tests { const T: &str = \"t\"; }\nconst R: &str = r#\"raw\"#;";
        let tokens = tokens(source);
        let strings: Vec<(&str, usize)> = tokens
            .iter()
            .filter(|token| token.kind == Kind::String)
            .map(|token| (token.text.as_str(), token.line))
            .collect();
        assert_eq!(strings, [("raw", 7)]);
        assert!(tokens.iter().any(|token| token.is_word("S")));
    }

    #[test]
    fn a_path_is_distinguished_from_a_field_and_from_a_module_of_that_name() {
        let tokens = tokens("use redis::Client;\nfn f() { self.redis.get(); crate::redis::x(); let redis = 1; }");
        assert_eq!(uses_of(&tokens, "redis").collect::<Vec<_>>(), [1]);
    }
}
