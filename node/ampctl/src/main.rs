//! Command line of the node API

fn main() {}
