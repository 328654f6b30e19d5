//! The host tool behind ./ampoule

fn main() {}
