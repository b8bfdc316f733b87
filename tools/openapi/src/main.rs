//! Writes the OpenAPI document to a file. `cargo xtask openapi` runs this program.

use std::{env, fs};

use anyhow::{Context as _, Result};

fn main() -> Result<()> {
    let path = env::args_os().nth(1).context("usage: openapi FILE")?;
    let document = serde_json::to_string_pretty(&openapi::document()?)?;
    fs::write(&path, document + "\n").with_context(|| format!("cannot write {}", path.display()))
}
