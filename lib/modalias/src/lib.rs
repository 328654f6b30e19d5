//! Kernel module aliases and dependencies; pure
