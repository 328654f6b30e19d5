//! Whole-system tests in virtual machines

fn main() {}
