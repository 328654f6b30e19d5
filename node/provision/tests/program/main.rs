//! The program in a folder that stands for a node, with a metadata service that behaves or does not.

mod harness;
mod local;
mod metadata;
mod names;
mod server;
