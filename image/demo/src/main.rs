//! The demo workload: a page about the box it runs in

fn main() {}
