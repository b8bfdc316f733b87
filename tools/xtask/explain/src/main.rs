//! Runs the product's statements in Postgres, and evaluates their plans. `cargo xtask explain` runs
//! this program.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints to the terminal")]

mod fill;
mod verdict;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use dev_servers::QueryPlan;
use shared::domain::statements::{self, Example, Subject};
use tokio_postgres::{Client, NoTls};

use self::fill::Size;

/// Fills the empty database at `DATABASE_URL` and explains statements in it, or lists the
/// statements.
#[derive(Debug, Parser)]
struct Arguments {
    /// Names of statements. Without a name, the program lists all names.
    statements: Vec<String>,
    /// Explains every statement instead of named ones.
    #[arg(long)]
    all: bool,
    /// Number of journal entries.
    #[arg(long)]
    entries: i64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let size = Size::new(arguments.entries);
    if arguments.statements.is_empty() && !arguments.all {
        print!("{}", list(&statements::statements(&size.subject())));
        return Ok(ExitCode::SUCCESS);
    }
    // The names are checked first, because filling the database takes a while.
    select(arguments, &size.subject())?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the URL may contain a password, and every user of the machine can read the arguments"
    )]
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL")?;
    let subject = with_connection(&url, async |client| fill::fill(client, &size).await).await?;
    let examples = select(arguments, &subject)?;
    let bad = with_connection(&url, async |client| explain_all(client, &examples).await).await?;
    match bad.as_slice() {
        [] => Ok(ExitCode::SUCCESS),
        bad => {
            println!("\nstatements with a bad plan: {}", bad.join(", "));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Returns the sorted names, one per line.
fn list(examples: &[Example]) -> String {
    let mut names: Vec<&str> = examples.iter().map(|example| example.statement.name).collect();
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| format!("{name}\n")).collect()
}

/// Returns the examples of the statements in the arguments.
fn select(arguments: &Arguments, subject: &Subject) -> Result<Vec<Example>> {
    let mut examples = statements::statements(subject);
    for name in &arguments.statements {
        if !examples.iter().any(|example| example.statement.name == name) {
            bail!("there is no statement {name}; run `cargo xtask explain` to list all statements");
        }
    }
    examples.retain(|example| arguments.all || arguments.statements.iter().any(|name| name == example.statement.name));
    Ok(examples)
}

/// Runs `work` with a new connection.
async fn with_connection<T>(url: &str, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("cannot connect to the database")?;
    // The connection runs here and not in a task, so that it ends with `work`.
    tokio::select! {
        result = work(&client) => result,
        ended = connection => bail!("the database closed the connection: {ended:?}"),
    }
}

/// Explains the examples, and returns the titles of those with a bad plan.
async fn explain_all(client: &Client, examples: &[Example]) -> Result<Vec<String>> {
    let mut bad = Vec::new();
    for example in examples {
        let title = [example.statement.name, example.case].join(" ").trim_end().to_owned();
        println!("\n── {title}\n{}\n", example.statement.line());
        if !explain(client, example).await.with_context(|| title.clone())? {
            bad.push(title);
        }
    }
    Ok(bad)
}

/// Prints the plan of a statement with the verdict, and returns whether the verdict is good.
async fn explain(client: &Client, example: &Example) -> Result<bool> {
    let params: Vec<_> = example.params.iter().map(statements::Value::param).collect();
    let sql = format!("EXPLAIN (ANALYZE, BUFFERS) {}", example.statement.sql);
    client.batch_execute("BEGIN").await?;
    // The statement has typed parameters, as the functions send it, so that the planner has the
    // same information.
    let rows = client.query_typed(&sql, &params).await;
    client.batch_execute("ROLLBACK").await?;
    let lines = rows?.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    let text = lines.join("\n");
    println!("{text}\n");
    let verdict = verdict::evaluate(&QueryPlan::parse(&text), example.exceptions);
    for finding in &verdict {
        println!("{finding}");
    }
    Ok(verdict.iter().all(|finding| finding.is_good))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dev_servers::testing;

    use super::*;

    #[tokio::test]
    async fn every_statement_has_a_good_plan_and_changes_nothing() {
        let (admin, name) = (testing::postgres(), format!("explain_{}", std::process::id()));
        admin.clone_database(&testing::template_database(), &name).await.unwrap();
        let url = admin.url(&name);
        let size = Size::new(20_000);
        let subject = with_connection(&url, async |client| fill::fill(client, &size).await).await.unwrap();
        let counts = "SELECT (SELECT sum(journal_entry_count)::bigint FROM users), (SELECT count(*) FROM sessions),
            (SELECT count(*) FROM sessions WHERE revoked_at IS NULL), (SELECT count(*) FROM messages)";
        with_connection(&url, async |client| {
            let count = async || -> Result<[i64; 4]> {
                let row = client.query_one(counts, &[]).await?;
                Ok([0, 1, 2, 3].map(|column| row.get(column)))
            };
            let before = count().await?;
            assert_eq!(before[0], 20_000);
            assert_eq!(explain_all(client, &statements::statements(&subject)).await?, Vec::<String>::new());
            assert_eq!(count().await?, before);
            Ok(())
        })
        .await
        .unwrap();
        admin.drop_database(&name).await.unwrap();
    }

    #[test]
    fn every_name_is_listed_once() {
        let listed = list(&statements::statements(&Size::new(1000).subject()));
        let names: BTreeSet<&str> = listed.lines().collect();
        assert_eq!(names.len(), listed.lines().count());
        assert!(names.contains("journal.page") && names.contains("journal.page.known"));
    }

    #[test]
    fn an_unknown_name_is_rejected_before_anything_else() {
        let arguments = Arguments { statements: vec!["journal.pages".to_owned()], all: false, entries: 1000 };
        let error = select(&arguments, &Size::new(1000).subject()).unwrap_err();
        assert!(error.to_string().contains("journal.pages"), "{error}");
    }
}
