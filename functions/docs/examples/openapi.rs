//! Writes the OpenAPI document: `cargo run -p docs --example openapi > docs/openapi.json`.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

fn main() -> serde_json::Result<()> {
    println!("{}", serde_json::to_string_pretty(&docs::document())?);
    Ok(())
}
