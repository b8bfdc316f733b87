//! `emulator`: serves the functions of a SAM template, or runs one of them on one event.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use emulator::{Emulator, InvocationError, LogLine, LogSink, Options, Stream, Subscription, Template};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the Lambda functions of a SAM template on this machine.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    serve: ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one function on one event and prints what it returns
    Invoke {
        /// The function: its binary's name, logical id or `FunctionName`
        function: String,
        /// The file that holds the event; - for standard input
        #[arg(long, short)]
        event: PathBuf,
        #[command(flatten)]
        emulator: EmulatorArgs,
    },
}

#[derive(Args)]
struct ServeArgs {
    /// Where the HTTP API listens
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Let idle environments run on
    #[arg(long)]
    no_freeze: bool,
    /// Ignore the template's throttling limits
    #[arg(long)]
    no_throttle: bool,
    #[command(flatten)]
    emulator: EmulatorArgs,
}

#[derive(Args)]
struct EmulatorArgs {
    /// The SAM template
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
    /// The folder of the functions' binaries
    #[arg(long, default_value = "target/debug")]
    binaries: PathBuf,
    /// A value for an environment variable that the template declares
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = parse_key_value)]
    variables: Vec<(String, String)>,
    /// Values as `sam local` takes them: {"FunctionName": {…}} or {"Parameters": {…}}
    #[arg(long)]
    env_file: Option<PathBuf>,
    /// The file that keeps the tables; without it they are gone when the emulator ends
    #[arg(long)]
    tables: Option<PathBuf>,
    /// How many environments a function without a reserved concurrency may have
    #[arg(long, default_value_t = 10)]
    max_environments: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = Builder::new_current_thread().enable_all().build();
    let result = runtime.context("cannot start").and_then(|runtime| runtime.block_on(run(cli)));
    match result {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Some(Command::Invoke { function, event, emulator }) => invoke(&function, &event, &emulator).await,
        None => serve(&cli.serve).await,
    }
}

async fn serve(args: &ServeArgs) -> Result<ExitCode> {
    let mut options = args.emulator.options(printing_sink(io::stdout().is_terminal()))?;
    options.listen = args.listen;
    options.freeze = !args.no_freeze;
    options.throttle = !args.no_throttle;
    let template = options.template.clone();
    let binaries = options.binaries.clone();
    let emulator = Emulator::start(options).await?;
    // Before the address is announced, so that a signal cannot come too early.
    let stop_signal = stop_signal()?;
    let mut out = io::stdout();
    writeln!(out, "Serving on {}", emulator.url())?;
    let width = template.functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
    for function in &template.functions {
        for route in &function.routes {
            writeln!(out, "  {:width$}  {}", function.name, route.key())?;
        }
        for schedule in &function.schedules {
            match schedule.every {
                Some(every) => {
                    writeln!(out, "  {:width$}  every {} s ({})", function.name, every.as_secs(), schedule.name)?
                }
                None => {
                    writeln!(out, "  {:width$}  {} is not fired here: only rate(…) is", function.name, schedule.name)?
                }
            }
        }
        for Subscription { name: event, log_group, .. } in &function.subscriptions {
            writeln!(out, "  {:width$}  what is printed to {log_group} ({event})", function.name)?;
        }
        for source in &function.queues {
            writeln!(out, "  {:width$}  messages of {}", function.name, source.queue)?;
        }
        if !binaries.join(&function.binary).is_file() {
            writeln!(out, "  {:width$}  has no binary in {} yet", function.name, binaries.display())?;
        }
    }
    for table in &template.tables {
        writeln!(out, "  {:width$}  at {}", table.name, emulator.dynamodb_url().unwrap_or_default())?;
    }
    stop_signal.await;
    writeln!(out, "Shutting down")?;
    emulator.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Installs handlers of Ctrl-C and of the signal that a supervisor sends. The future resolves on
/// either.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn invoke(function: &str, event: &Path, args: &EmulatorArgs) -> Result<ExitCode> {
    let event = if event.as_os_str() == "-" {
        io::read_to_string(io::stdin()).context("standard input")?
    } else {
        fs::read_to_string(event).with_context(|| event.display().to_string())?
    };
    // The output of the function must not mix with its result.
    let options = args.options(Arc::new(|line: &LogLine| {
        let _ = writeln!(io::stderr(), "{}", line.text);
    }))?;
    let emulator = Emulator::start(options).await?;
    let result = emulator.invoke(function, event).await;
    emulator.shutdown().await;
    let (payload, code) = match result {
        Ok(payload) => (payload, ExitCode::SUCCESS),
        Err(InvocationError::Function(error)) => (error.payload, ExitCode::FAILURE),
        Err(error) => return Err(anyhow!(error)),
    };
    let mut out = io::stdout();
    out.write_all(&payload)?;
    writeln!(out)?;
    Ok(code)
}

impl EmulatorArgs {
    fn options(&self, logs: LogSink) -> Result<Options> {
        let mut variables = BTreeMap::new();
        let mut function_variables = BTreeMap::new();
        if let Some(path) = &self.env_file {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            // Values may be secrets, so the error does not show the text.
            let sections = serde_json::from_str::<BTreeMap<String, BTreeMap<String, String>>>(&text);
            let Ok(mut sections) = sections else {
                bail!("{}: a JSON object of objects of strings is expected", path.display());
            };
            variables.extend(sections.remove("Parameters").unwrap_or_default());
            function_variables = sections;
        }
        variables.extend(self.variables.iter().cloned());
        Ok(Options {
            template: Template::read(&self.template)?,
            binaries: self.binaries.clone(),
            variables,
            function_variables,
            max_environments: self.max_environments,
            tables: self.tables.clone(),
            logs,
            ..Options::default()
        })
    }
}

fn parse_key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is expected")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Returns a sink that prints each line after the name of its function. With `colours`, each
/// function has its own.
fn printing_sink(colours: bool) -> LogSink {
    Arc::new(move |line| {
        let name = &line.function;
        let mut out = io::stdout().lock();
        // The emulator continues to serve if its terminal is closed.
        let _ = if colours {
            let colour = 31 + name.bytes().map(u32::from).sum::<u32>() % 6;
            let dim = if line.stream == Stream::Platform { "\x1b[2m" } else { "" };
            writeln!(out, "\x1b[{colour}m{name}\x1b[0m | {dim}{}\x1b[0m", line.text)
        } else {
            writeln!(out, "{name} | {}", line.text)
        };
    })
}
