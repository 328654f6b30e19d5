//! Loads kernel modules by device alias

fn main() {}
