//! What is learned of a network, as state machines, and the files made from it; pure.

pub mod dhcp;
pub mod learned;
mod lease;
pub mod ndisc;
pub mod parser;
pub mod resolver;
pub mod saved;
