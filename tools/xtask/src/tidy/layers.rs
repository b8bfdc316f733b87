//! Rules about the modules that may use a resource, and about log lines.

use super::Finding;
use super::tokens::{Kind, Token, uses_of};
use super::tree::Tree;

/// A resource that only certain modules of the product may use.
struct Layer {
    /// The name of the resource, for findings.
    what: &'static str,
    /// Returns the lines that use the resource.
    found: fn(&[Token]) -> Vec<usize>,
    /// The modules that may use the resource. `*` stands for one folder.
    home: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer { what: "SQL", found: sql, home: &["shared/domain"] },
    Layer {
        what: "the environment",
        found: environment,
        // Cargo passes the output folder to a build script in a variable.
        home: &["shared/src/config", "functions/*/build", "shared/domain/build"],
    },
    Layer {
        what: "stdout or stderr",
        found: output,
        // A build script prints its instructions for Cargo.
        home: &["shared/metrics/src/sink", "shared/src/telemetry", "functions/*/build", "shared/domain/build"],
    },
    Layer { what: "the crate redis", found: |tokens| uses_of(tokens, "redis").collect(), home: &["shared/cache"] },
    Layer { what: "the crate tokio_postgres", found: postgres, home: &["shared/db", "shared/domain"] },
    Layer {
        what: "the crate lambda_http",
        found: |tokens| uses_of(tokens, "lambda_http").collect(),
        home: &["shared/src/run", "shared/src/http", "functions/*/src/main"],
    },
    // These commands visit every key, even if few keys match.
    Layer { what: "SCAN, KEYS or a flush of Redis", found: sweeps, home: &[] },
];

/// Checks that the functions and the shared crates use each resource only in its modules.
pub(super) fn everything_is_in_its_layer(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, tokens) in tree.sources().filter(|(path, _)| is_product(path)) {
        for layer in LAYERS.iter().filter(|layer| !layer.home.iter().any(|home| is_in(path, home))) {
            let text = match layer.home {
                [] => format!("the product must not use {}", layer.what),
                home => format!("{} may be used only in {}", layer.what, home.join(" and ")),
            };
            let mut lines = (layer.found)(&tokens);
            lines.dedup();
            findings.extend(lines.into_iter().map(|line| Finding::at(path, line, text.clone())));
        }
    }
    findings
}

/// Checks that no field of a log line has text that a user wrote or signs in with, as `?event`,
/// `%body` and `text = ?content` do.
pub(super) fn user_text_is_not_logged(tree: &Tree) -> Vec<Finding> {
    let private =
        ["event", "request", "body", "payload", "headers", "content", "message", "password", "token", "email"];
    let mut findings = Vec::new();
    for (path, tokens) in tree.sources().filter(|(path, _)| is_product(path)) {
        for window in tokens.windows(3) {
            let [before, sigil, word] = window else { continue };
            let is_field =
                ["(", ",", "="].iter().any(|mark| before.is_mark(mark)) && (sigil.is_mark("?") || sigil.is_mark("%"));
            if is_field && private.contains(&word.text.as_str()) {
                findings.push(Finding::at(
                    path,
                    word.line,
                    format!("`{}` in a log line may contain a user's text", word.text),
                ));
            }
        }
    }
    findings
}

fn is_product(path: &str) -> bool {
    path.starts_with("shared/") || path.starts_with("functions/")
}

/// Returns whether a file is the module or below it. `*` in the module stands for one folder.
fn is_in(path: &str, module: &str) -> bool {
    let mut parts = path.trim_end_matches(".rs").split('/');
    module.split('/').all(|expected| parts.next().is_some_and(|part| expected == "*" || part == expected))
}

/// Returns the lines with a SQL statement. Text for people does not contain these pairs of words in
/// capitals.
fn sql(tokens: &[Token]) -> Vec<usize> {
    let statements = [
        ("SELECT ", " FROM "),
        ("INSERT INTO ", ""),
        ("UPDATE ", " SET "),
        ("DELETE FROM ", ""),
        ("CREATE TABLE ", ""),
    ];
    strings(tokens, |text| statements.iter().any(|(first, second)| text.contains(first) && text.contains(second)))
}

fn environment(tokens: &[Token]) -> Vec<usize> {
    let reading = ["var", "var_os", "vars", "vars_os", "set_var", "remove_var"];
    let read = tokens.windows(4).filter(|window| {
        matches!(window, [env, one, two, what] if env.is_word("env") && one.is_mark(":") && two.is_mark(":") && reading.contains(&what.text.as_str()))
    });
    read.filter_map(|window| window.first()).map(|token| token.line).collect()
}

fn output(tokens: &[Token]) -> Vec<usize> {
    let macros = ["print", "println", "eprint", "eprintln", "dbg"];
    let handles = ["stdout", "stderr"];
    let written = tokens.windows(2).filter(|window| {
        matches!(window, [word, mark] if word.kind == Kind::Word
            && (macros.contains(&word.text.as_str()) && mark.is_mark("!") || handles.contains(&word.text.as_str()) && mark.is_mark("(")))
    });
    written.filter_map(|window| window.first()).map(|token| token.line).collect()
}

fn postgres(tokens: &[Token]) -> Vec<usize> {
    uses_of(tokens, "tokio_postgres").chain(uses_of(tokens, "deadpool_postgres")).collect()
}

fn sweeps(tokens: &[Token]) -> Vec<usize> {
    strings(tokens, |text| {
        ["SCAN", "KEYS", "FLUSHDB", "FLUSHALL"]
            .iter()
            .any(|command| text.eq_ignore_ascii_case(command) && text == *command)
    })
}

fn strings(tokens: &[Token], is_meant: impl Fn(&str) -> bool) -> Vec<usize> {
    tokens.iter().filter(|token| token.kind == Kind::String && is_meant(&token.text)).map(|token| token.line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, code: &str) -> usize {
        everything_is_in_its_layer(&Tree::of(&[(path, &format!("//! Doc.\n{code}\n"))])).len()
    }

    #[test]
    fn each_resource_is_found_outside_of_its_modules_and_only_there() {
        let cases = [
            ("const Q: &str = \"SELECT id FROM users\";", "shared/domain/src/account.rs"),
            ("const Q: &str = \"UPDATE users SET email = $1\";", "shared/domain/build.rs"),
            ("fn f() { std::env::var(\"X\"); }", "shared/src/config.rs"),
            ("fn f() { println!(\"x\"); }", "shared/metrics/src/sink.rs"),
            ("fn f() { std::io::stdout().lock(); }", "shared/src/telemetry.rs"),
            ("use redis::Client;", "shared/cache/src/client.rs"),
            ("use tokio_postgres::Row;", "shared/domain/src/journal.rs"),
            ("use deadpool_postgres::Pool;", "shared/db/src/pool.rs"),
            ("use lambda_http::Request;", "shared/src/http/request.rs"),
            ("use lambda_http::Request;", "functions/health/src/main.rs"),
        ];
        for (code, home) in cases {
            assert_eq!(found(home, code), 0, "{code} in {home}");
            assert_eq!(found("shared/net/src/tls.rs", code), 1, "{code} in another module");
            assert_eq!(found("tools/xtask/src/main.rs", code), 0, "{code} in a tool");
        }
        assert_eq!(
            found("shared/domains/src/lib.rs", "const Q: &str = \"DELETE FROM users\";"),
            1,
            "the module has a longer name than the permitted one"
        );
    }

    #[test]
    fn a_command_that_visits_every_key_is_found_everywhere() {
        assert_eq!(found("shared/cache/src/client.rs", "fn f() { cmd(\"SCAN\"); }"), 1);
        assert_eq!(found("shared/cache/src/client.rs", "fn f() { map.keys(); cmd(\"GET\"); }"), 0);
    }

    #[test]
    fn tests_may_use_every_resource() {
        assert_eq!(
            found("shared/net/src/tls.rs", "#[cfg(test)]\nmod tests { fn f() { println!(\"SELECT 1 FROM x\"); } }"),
            0
        );
    }

    #[test]
    fn user_text_in_a_log_line_is_found() {
        let check = |code: &str| user_text_is_not_logged(&Tree::of(&[("shared/src/run.rs", code)])).len();
        assert_eq!(check("fn f() { warn!(?event, \"x\"); info!(text = %body, \"x\"); }"), 2);
        assert_eq!(check("fn f() -> R { let event = g()?; warn!(?error, %request_id, \"x\"); h(a % content) }"), 0);
    }
}
