//! Runs workloads through containerd

fn main() {}
