//! Settings store and API server

fn main() {}
