//! The cache protocol in every interleaving.

pub mod action;
