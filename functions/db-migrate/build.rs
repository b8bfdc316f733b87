//! Rebuilds the function when a migration changes, because the migrations are compiled in.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
