//! Mounts and grows STATE and DATA at boot

fn main() {}
