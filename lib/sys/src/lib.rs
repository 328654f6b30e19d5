//! System calls behind safe functions: the only unsafe code
pub mod netns;
pub mod nfnetlink;

pub mod block;
pub mod clock;
pub mod inherited;
pub mod privilege;
pub mod quota;
pub mod refused;
pub mod seccomp;
pub mod signals;
pub mod spawn;
pub mod view;
pub mod watchdog;
