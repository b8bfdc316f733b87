//! Generates Rust code from the statements in `src/*.sql`.
//!
//! The statement `-- name: journal.page` becomes the struct `journal::Page`, with a field for each
//! parameter. In its SQL text, numbers such as `$3` replace names such as `:limit`. The file
//! `src/query.rs` describes the format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value};

/// The fragments whose parameters come from the caller or the write instead of the struct of the
/// statement.
const CONTEXT: [&str; 4] = ["live_session", "known_session", "outbox", "keep_response"];

/// A statement or a fragment, with the documentation above it.
struct Block {
    file: String,
    is_fragment: bool,
    name: String,
    /// The name of the struct, if the heading contains one: `-- name: conversation.exchange as
    /// Append`.
    alias: Option<String>,
    docs: Vec<String>,
    /// The name, the type and the documentation of each parameter.
    params: Vec<(String, String, String)>,
    examples: Vec<Example>,
    /// The sorts and scans that the plans of all examples may contain, as Rust expressions.
    exceptions: Vec<String>,
    sql: String,
}

/// Example parameters of a statement.
struct Example {
    case: String,
    /// A JSON object with values of parameters.
    values: String,
    /// The sorts and scans that the plan may contain, as Rust expressions.
    exceptions: Vec<String>,
}

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed=src");
    let mut blocks = Vec::new();
    for path in sql_files()? {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        blocks.extend(parse(file, &text)?);
    }
    let out = env::var_os("OUT_DIR").context("Cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("statements.rs"), generate(&blocks)?)?;
    Ok(())
}

fn sql_files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir("src")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn parse(file: &str, text: &str) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let heading = line.strip_prefix("-- fragment: ").map(|name| (true, name));
        let heading = heading.or_else(|| line.strip_prefix("-- name: ").map(|name| (false, name)));
        if let Some((is_fragment, name)) = heading {
            let (name, alias) =
                name.split_once(" as ").map_or((name, None), |(name, alias)| (name, Some(alias.to_owned())));
            let (file, name) = (file.to_owned(), name.trim().to_owned());
            blocks.push(Block {
                file,
                is_fragment,
                name,
                alias,
                docs: Vec::new(),
                params: Vec::new(),
                examples: Vec::new(),
                exceptions: Vec::new(),
                sql: String::new(),
            });
            continue;
        }
        let Some(block) = blocks.last_mut() else {
            bail!("{file}.sql:{}: the first line must be `-- name: NAME` or `-- fragment: NAME`", number + 1)
        };
        if let Some(param) = line.strip_prefix("-- :") {
            let mut words = param.split_whitespace();
            let (Some(name), Some(kind)) = (words.next(), words.next()) else {
                bail!("{file}.sql:{}: a parameter is `-- :NAME TYPE MEANING`", number + 1)
            };
            block.params.push((name.to_owned(), kind.to_owned(), words.collect::<Vec<_>>().join(" ")));
        } else if let Some(example) = line.strip_prefix("-- example") {
            let Some((case, values)) = example.split_once(": ") else {
                bail!("{file}.sql:{}: an example is `-- example NAME: {{…}}`, where NAME is optional", number + 1)
            };
            let (case, values) = (case.trim().to_owned(), values.to_owned());
            block.examples.push(Example { case, values, exceptions: Vec::new() });
        } else if let Some(exception) = exception(line) {
            let last = block.examples.last_mut().map(|example| &mut example.exceptions);
            last.unwrap_or(&mut block.exceptions).push(exception);
        } else if let (Some(values), Some(example)) = (line.strip_prefix("--   "), block.examples.last_mut()) {
            example.values.push_str(values);
        } else if let Some(doc) = line.strip_prefix("--") {
            block.docs.push(doc.trim().to_owned());
        } else {
            block.sql.push_str(line);
            block.sql.push('\n');
        }
    }
    Ok(blocks)
}

/// Parses `-- sorts: REASON` and `-- scans TABLE: REASON`.
fn exception(line: &str) -> Option<String> {
    let text = line.strip_prefix("-- ")?;
    if let Some(reason) = text.strip_prefix("sorts: ") {
        return Some(format!("Exception::Sort({reason:?})"));
    }
    let (table, reason) = text.strip_prefix("scans ")?.split_once(": ")?;
    Some(format!("Exception::Scan({table:?}, {reason:?})"))
}

fn generate(blocks: &[Block]) -> Result<String> {
    let fragments: BTreeMap<&str, &Block> =
        blocks.iter().filter(|block| block.is_fragment).map(|block| (block.name.as_str(), block)).collect();
    let mut modules: BTreeMap<&str, String> = BTreeMap::new();
    let mut examples = String::new();
    for block in blocks {
        let module = modules.entry(&block.file).or_default();
        if !block.is_fragment {
            let (code, listed) = statement(block, &fragments)?;
            module.push_str(&code);
            examples.push_str(&listed);
        } else if !CONTEXT.contains(&block.name.as_str()) && !block.params.is_empty() {
            module.push_str(&structure(&pascal(&block.name), block, &[])?);
        }
    }
    let mut code = format!(
        "/// The examples of all statements.\npub(crate) const EXAMPLES: &[StatementExamples] = &[\n{examples}];\n"
    );
    for (file, content) in modules {
        write!(
            code,
            "/// The statements of `{file}.sql`.\npub(crate) mod {file} {{\n    use super::*;\n{content}}}\n"
        )?;
    }
    Ok(code)
}

/// Returns the struct of a statement or a fragment. It has a field for each parameter, and one for
/// each fragment with parameters.
fn structure(name: &str, block: &Block, parts: &[&Block]) -> Result<String> {
    let mut fields = String::new();
    let mut borrows = false;
    for (param, kind, doc) in &block.params {
        let (rust, _) = types(kind).with_context(|| format!("{}.sql: {}: :{param}", block.file, block.name))?;
        borrows |= rust.contains("'a");
        writeln!(fields, "    /// {doc}\n    pub(crate) {param}: {rust},")?;
    }
    for part in parts {
        borrows |= borrows_any(part)?;
        let lifetime = if borrows_any(part)? { "<'a>" } else { "" };
        writeln!(fields, "    pub(crate) {}: super::{}::{}{lifetime},", part.name, part.file, pascal(&part.name))?;
    }
    let lifetime = if borrows { "<'a>" } else { "" };
    let docs: String = block.docs.iter().map(|line| format!("/// {line}\n")).collect();
    Ok(format!("{docs}#[derive(Clone, Copy)]\npub(crate) struct {name}{lifetime} {{\n{fields}}}\n"))
}

fn borrows_any(block: &Block) -> Result<bool> {
    block.params.iter().try_fold(false, |any, (_, kind, _)| Ok(any || types(kind)?.0.contains("'a")))
}

/// Returns the struct of a statement, and its examples.
fn statement(block: &Block, fragments: &BTreeMap<&str, &Block>) -> Result<(String, String)> {
    let used = names(&block.sql, '{', '}');
    let is_read = used.contains(&"session");
    let (context, live) = match (is_read, used.contains(&"live_session"), used.contains(&"outbox")) {
        (_, _, true) => ("WriteContext", "live_session"),
        (true, _, _) => ("Caller", "live_session"),
        (_, true, _) => ("Caller", "live_session"),
        _ => ("()", ""),
    };
    // The name of a statement begins with its resource: `journal.page` becomes `Page`.
    let name = block.name.split_once('.').map_or(block.name.as_str(), |(_, name)| name);
    let name = block.alias.clone().unwrap_or_else(|| pascal(name));
    let find = |name: &str| {
        fragments.get(name).copied().with_context(|| format!("{}: there is no fragment {name}", block.name))
    };
    let text = expanded(&block.sql, live, &find)?;
    let mut places: Vec<(String, String)> = block.params.iter().map(|(n, k, _)| (n.clone(), k.clone())).collect();
    let mut access: BTreeMap<String, String> =
        block.params.iter().map(|(param, _, _)| (param.clone(), format!("self.{param}"))).collect();
    let mut parts = Vec::new();
    for fragment in used.iter().map(|name| if *name == "session" { "live_session" } else { name }) {
        let fragment = find(fragment)?;
        let is_context = CONTEXT.contains(&fragment.name.as_str());
        if !is_context && !fragment.params.is_empty() && !parts.iter().any(|part: &&Block| part.name == fragment.name) {
            parts.push(fragment);
        }
        for (param, kind, _) in &fragment.params {
            let path = if is_context { format!("context.{param}") } else { format!("self.{}.{param}", fragment.name) };
            access.entry(param.clone()).or_insert(path);
            places.push((param.clone(), kind.clone()));
        }
    }
    if context != "()" {
        for (param, kind) in [("token_hash", "bytea"), ("user_id", "uuid")] {
            access.entry(param.to_owned()).or_insert(format!("context.{param}"));
            places.push((param.to_owned(), kind.to_owned()));
        }
    }
    let (sql, order) = numbered(&text, Vec::new());
    let mut list = String::new();
    let mut kinds = Vec::new();
    for param in &order {
        let kind = places.iter().find(|(name, _)| name == param).map(|(_, kind)| kind.as_str());
        let kind = kind.with_context(|| format!("{}: :{param} has no type", block.name))?;
        let path = access.get(param).with_context(|| format!("{}: :{param} is not declared", block.name))?;
        let value = if kind.starts_with("json") { path.clone() } else { format!("&{path}") };
        write!(list, "({value}, Type::{}), ", types(kind)?.1)?;
        kinds.push((param.as_str(), kind, path.starts_with("context.")));
    }
    let examples = examples(block, &kinds)?;
    if let Some((unused, _, _)) = block.params.iter().find(|(param, _, _)| !order.contains(param)) {
        bail!("{}: :{unused} is declared but not used", block.name);
    }
    let lifetime = if borrows_any(block)?
        || parts.iter().map(|part| borrows_any(part)).collect::<Result<Vec<_>>>()?.contains(&true)
    {
        "<'_>"
    } else {
        ""
    };
    let mut code = structure(&name, block, &parts)?;
    write!(
        code,
        "impl Query for {name}{lifetime} {{
    type Context = {context};
    const STATEMENT: Statement = Statement {{ name: {:?}, sql: {sql:?} }};
    fn params<'a>(&'a self, context: &'a {context}) -> Vec<Param<'a>> {{
        let _ = context;
        vec![{list}]
    }}
}}
",
        block.name
    )?;
    let type_name = format!("{}::{name}", block.file);
    let mut known = "None".to_owned();
    if is_read {
        known = format!("Some({type_name}::SESSION_KNOWN)");
        let (known, _) = numbered(&expanded(&block.sql, "known_session", &find)?, order.clone());
        write!(
            code,
            "impl CachedQuery for {name}{lifetime} {{
    const SESSION_KNOWN: Statement = Statement {{ name: \"{}.known\", sql: {known:?} }};
}}
",
            block.name
        )?;
    }
    let listed = format!(
        "StatementExamples {{ statement: {type_name}::STATEMENT, known: {known}, examples: &[{examples}] }},\n"
    );
    Ok((code, listed))
}

/// Returns the examples of a statement, each with a value for every parameter.
///
/// The value comes from the example or from the context, or is null. `kinds` contains the name and
/// the type of each parameter, and whether it comes from the context.
fn examples(block: &Block, kinds: &[(&str, &str, bool)]) -> Result<String> {
    let needs_none = kinds.iter().all(|(_, kind, is_context)| *is_context || kind.ends_with('?'));
    let default = Example { case: String::new(), values: "{}".to_owned(), exceptions: Vec::new() };
    let examples = if block.examples.is_empty() && needs_none { &vec![default] } else { &block.examples };
    let place = format!("{}.sql: {}", block.file, block.name);
    if examples.is_empty() {
        bail!("{place} needs a line such as `-- example: {{\"limit\": 20}}` with its parameters");
    }
    let mut code = String::new();
    for Example { case, values, exceptions } in examples {
        let given: Map<String, Value> = serde_json::from_str(values)
            .with_context(|| format!("{place}: the example {case:?} is not a JSON object"))?;
        if let Some(unknown) = given.keys().find(|name| !kinds.iter().any(|(param, _, _)| param == name)) {
            let known: Vec<&str> = kinds.iter().map(|(param, _, _)| *param).collect();
            bail!(
                "{place}: the example {case:?} has a value for {unknown}, but the parameters are {}",
                known.join(", ")
            );
        }
        let mut params = String::new();
        for (param, kind, is_context) in kinds {
            let value = match given.get(*param) {
                Some(value) => value.to_string(),
                None if *is_context => context_value(param)?.to_owned(),
                None if kind.ends_with('?') => "null".to_owned(),
                None => bail!("{place}: the example {case:?} has no value for {param}"),
            };
            write!(params, "({value:?}, Type::{}), ", types(kind)?.1)?;
        }
        let exceptions: Vec<&str> = block.exceptions.iter().chain(exceptions).map(String::as_str).collect();
        let exceptions = exceptions.join(", ");
        write!(code, "Parameters {{ case: {case:?}, values: &[{params}], exceptions: &[{exceptions}] }}, ")?;
    }
    Ok(code)
}

/// Returns the example value of a parameter of the [`Caller`] or the [`WriteContext`], as JSON.
fn context_value(param: &str) -> Result<&'static str> {
    Ok(match param {
        "user_id" => r#""$user""#,
        "token_hash" => r#""$token_hash""#,
        "unmarked_guards" => "[]",
        "endpoint" => r#""example""#,
        "key_hash" | "request_hash" => r#""$new_hash""#,
        other => bail!("the context has no parameter {other}"),
    })
}

/// Replaces each `{name}` in the text with the fragment of that name. `{session}` becomes the
/// fragment that `session` names.
fn expanded<'a>(text: &str, session: &str, find: &impl Fn(&str) -> Result<&'a Block>) -> Result<String> {
    names(text, '{', '}').into_iter().try_fold(text.trim_end().to_owned(), |text, name| {
        let fragment = find(if name == "session" { session } else { name })?;
        Ok(text.replace(&format!("{{{name}}}"), fragment.sql.trim_end()))
    })
}

/// Returns the text with `$1` and so on in place of the names, and the names in the order of their
/// numbers. `order` contains the names that already have a number.
fn numbered(text: &str, mut order: Vec<String>) -> (String, Vec<String>) {
    let mut sql = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(':') {
        let (before, after) = rest.split_at(at);
        sql.push_str(before);
        let name: String = after.chars().skip(1).take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        if after.starts_with("::") || name.is_empty() {
            let length = if after.starts_with("::") { 2 } else { 1 };
            let (colons, after) = after.split_at(length);
            sql.push_str(colons);
            rest = after;
            continue;
        }
        let place = order.iter().position(|known| *known == name).unwrap_or_else(|| {
            order.push(name.clone());
            order.len() - 1
        });
        sql.push_str(&format!("${}", place + 1));
        rest = after.get(1 + name.len()..).unwrap_or_default();
    }
    sql.push_str(rest);
    (sql, order)
}

/// Returns the names between two delimiters, each once.
fn names(text: &str, open: char, close: char) -> Vec<&str> {
    let mut names = Vec::new();
    for piece in text.split(open).skip(1) {
        let Some((name, _)) = piece.split_once(close) else { continue };
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if is_name && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns the Rust type of a field and the constant of the Postgres type. A question mark after
/// the type means that the value may be null.
fn types(kind: &str) -> Result<(String, &'static str)> {
    let (base, is_nullable) = kind.strip_suffix('?').map_or((kind, false), |base| (base, true));
    let (rust, constant) = match base {
        "bigint" => ("i64", "INT8"),
        "bigint[]" => ("&'a [i64]", "INT8_ARRAY"),
        "boolean" => ("bool", "BOOL"),
        "bytea" => ("&'a [u8]", "BYTEA"),
        "float8" => ("f64", "FLOAT8"),
        "int" => ("i32", "INT4"),
        // A reference to any value that can be serialized, including null.
        "jsonb" => return Ok(("&'a (dyn ToSql + Sync)".to_owned(), "JSONB")),
        "text" => ("&'a str", "TEXT"),
        "text[]" => ("&'a [String]", "TEXT_ARRAY"),
        "timestamptz" => ("Timestamp", "TIMESTAMPTZ"),
        "uuid" => ("Uuid", "UUID"),
        other => bail!("a parameter cannot have the type {other}; add it to `types` in build.rs"),
    };
    Ok((if is_nullable { format!("Option<{rust}>") } else { rust.to_owned() }, constant))
}

fn pascal(name: &str) -> String {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('_').map(capital).collect()
}
