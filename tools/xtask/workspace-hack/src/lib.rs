//! A crate without code. Its manifest lists the features with which the workspace's tests need the
//! libraries that they share with `xtask`.
//!
//! Cargo chooses features for the packages that it is asked to build. `cargo xtask test` first
//! builds `xtask` alone, and then the whole workspace. Cargo would compile a library twice if its
//! features differ between the two builds, which takes a few minutes on a new machine. A library
//! that is missing from the manifest only makes the build slower. To find the missing libraries,
//! run `cargo test --workspace --no-run` and then `cargo build --package xtask`.
