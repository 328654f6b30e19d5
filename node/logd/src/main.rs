//! Log service

fn main() {}
