//! Nothing but a manifest: the features with which the tests of the workspace need the libraries that `xtask` shares with them.
//!
//! Cargo chooses features for what it is asked to build. `cargo xtask test` builds `xtask` alone first and then the whole workspace, and
//! compiles each library twice whose features differ between the two: some minutes on a new machine. What is not listed here is only
//! slower to build. `cargo build --package xtask` after `cargo test --workspace --no-run` shows what that is.
