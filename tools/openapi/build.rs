//! Generates `handlers.rs`: a module for each function whose `main.rs` declares a route with
//! `#[utoipa::path]`, and the list of these handlers. A new function needs no entry here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result};

const FUNCTIONS: &str = "../../functions";
const DECLARATION: &str = "#[utoipa::path(";

fn main() -> Result<()> {
    println!("cargo:rerun-if-changed={FUNCTIONS}");
    let mut modules = String::new();
    let mut handlers = Vec::new();
    for folder in folders()? {
        let path = folder.join("src/main.rs");
        let source = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let names = declared_handlers(&source);
        if names.is_empty() {
            continue;
        }
        let name = folder.file_name().context("a folder has no name")?.to_string_lossy().replace('-', "_");
        writeln!(modules, "#[path = {path:?}]\nmod {name};")?;
        handlers.extend(names.into_iter().map(|handler| format!("{name}::{handler}")));
    }
    let handlers = handlers.join(", ");
    let list = format!("#[derive(utoipa::OpenApi)]\n#[openapi(paths({handlers}))]\npub(crate) struct Handlers;\n");
    let out = env::var_os("OUT_DIR").context("OUT_DIR is not set")?;
    fs::write(Path::new(&out).join("handlers.rs"), modules + &list)?;
    Ok(())
}

/// Lists the folders of the functions by name, with absolute paths: the generated file is
/// elsewhere.
fn folders() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(FUNCTIONS).context("cannot read the folder of the functions")?;
    let mut folders = entries.map(|entry| Ok(entry?.path().canonicalize()?)).collect::<Result<Vec<_>>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

/// Finds the name of the first function after each declaration of a route.
fn declared_handlers(source: &str) -> Vec<&str> {
    let after_declarations = source.split(DECLARATION).skip(1);
    let names = after_declarations.filter_map(|text| text.split_once("fn ")?.1.split_once('('));
    names.map(|(name, _)| name).collect()
}
