//! The DHCP client state machine and the files made from what it learns; pure.

pub mod dhcp;
pub mod resolver;
