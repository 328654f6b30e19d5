//! The node on this machine.

pub(crate) mod detach;
pub(crate) mod facts;
pub(crate) mod folder;
pub(crate) mod publish;
pub(crate) mod run;
pub(crate) mod session;
pub(crate) mod stop;
pub(crate) mod user_data;
pub(crate) mod waiting;
pub(crate) mod workload;
