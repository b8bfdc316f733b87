//! A crate without code. Its manifest lists the features with which the workspace's tests need the
//! libraries that they share with `xtask`.
//!
//! Cargo chooses features for the packages that it is asked to build. `cargo xtask test` builds
//! `xtask` alone first and then the whole workspace. It would compile each library twice whose
//! features differ between the two, which takes some minutes on a new machine. A library that is
//! missing from the manifest still works and is only slower to build: `cargo build --package xtask`
//! after `cargo test --workspace --no-run` shows which ones are missing.
