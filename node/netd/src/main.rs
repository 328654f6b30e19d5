//! Network daemon

fn main() {}
