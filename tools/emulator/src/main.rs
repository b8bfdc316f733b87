//! The command `emulator`, which serves the functions of a SAM template, or invokes one of them
//! with one event.

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
    /// Invokes one function with one event and prints the result
    Invoke {
        /// Name of the function's binary, its logical id or its `FunctionName`
        function: String,
        /// File that contains the event, or - for standard input
        #[arg(long, short)]
        event: PathBuf,
        #[command(flatten)]
        emulator: EmulatorArgs,
    },
}

#[derive(Args)]
struct ServeArgs {
    /// Address on which the HTTP API listens
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Keeps idle environments running instead of freezing them
    #[arg(long)]
    no_freeze: bool,
    /// Ignores the template's throttling limits
    #[arg(long)]
    no_throttle: bool,
    #[command(flatten)]
    emulator: EmulatorArgs,
}

#[derive(Args)]
struct EmulatorArgs {
    /// Path of the SAM template
    #[arg(long, default_value = "template.yaml")]
    template: PathBuf,
    /// Directory that contains the functions' binaries
    #[arg(long, default_value = "target/debug")]
    binaries: PathBuf,
    /// Value of an environment variable that the template declares; can be repeated
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = parse_key_value)]
    variables: Vec<(String, String)>,
    /// JSON file in the format of `sam local`: {"FunctionName": {…}} or {"Parameters": {…}}
    #[arg(long)]
    env_file: Option<PathBuf>,
    /// File that stores the DynamoDB tables; without it, they are lost when the emulator exits
    #[arg(long)]
    tables: Option<PathBuf>,
    /// Maximum number of environments of a function without reserved concurrency
    #[arg(long, default_value_t = 10)]
    max_environments: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = Builder::new_current_thread().enable_all().build();
    let result = runtime.context("cannot start the async runtime").and_then(|runtime| runtime.block_on(run(cli)));
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
    // The handlers are installed before the address is printed, so that an early signal also causes
    // an orderly shutdown.
    let stop_signal = stop_signal()?;
    let mut out = io::stdout();
    writeln!(out, "Serving on {}", emulator.url())?;
    let width = template.functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
    for function in &template.functions {
        for route in &function.routes {
            writeln!(out, "  {:width$}  {}", function.name, route.key())?;
        }
        for schedule in &function.schedules {
            match schedule.period {
                Some(period) => {
                    writeln!(out, "  {:width$}  every {} s ({})", function.name, period.as_secs(), schedule.name)?
                }
                None => writeln!(
                    out,
                    "  {:width$}  {} does not fire: only rate(…) is emulated",
                    function.name, schedule.name
                )?,
            }
        }
        for Subscription { name: event, log_group, .. } in &function.subscriptions {
            writeln!(out, "  {:width$}  log lines of {log_group} ({event})", function.name)?;
        }
        for source in &function.queues {
            writeln!(out, "  {:width$}  messages of the queue {}", function.name, source.queue)?;
        }
        if !binaries.join(&function.binary).is_file() {
            writeln!(out, "  {:width$}  is not built: there is no binary in {}", function.name, binaries.display())?;
        }
    }
    for table in &template.tables {
        writeln!(out, "  {:width$}  table at {}", table.name, emulator.dynamodb_url().unwrap_or_default())?;
    }
    stop_signal.await;
    writeln!(out, "Shutting down")?;
    emulator.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Installs handlers for SIGINT (Ctrl-C) and SIGTERM. The future resolves when either signal
/// arrives.
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
    // Log lines go to standard error, so that standard output has only the function's result.
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
                bail!("{}: expected a JSON object of objects of strings", path.display());
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
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Returns a sink that prints each line with the name of its function as a prefix. With `colours`,
/// the prefix has a colour that depends on the name.
fn printing_sink(colours: bool) -> LogSink {
    Arc::new(move |line| {
        let name = &line.function;
        let mut out = io::stdout().lock();
        // The error is ignored, because the emulator continues to serve if its terminal is closed.
        let _ = if colours {
            let colour = 31 + name.bytes().map(u32::from).sum::<u32>() % 6;
            let dim = if line.stream == Stream::Platform { "\x1b[2m" } else { "" };
            writeln!(out, "\x1b[{colour}m{name}\x1b[0m | {dim}{}\x1b[0m", line.text)
        } else {
            writeln!(out, "{name} | {}", line.text)
        };
    })
}
