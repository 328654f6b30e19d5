//! What cases are written with: nodes, waiting, and the words for both.

mod disk;
mod node;
mod plan;
mod wait;
mod write_log;

pub(crate) use node::{Node, NodeFailure};
pub(crate) use plan::NodePlan;
pub(crate) use wait::{eventually, within};
pub(crate) use write_log::{Crashed, WriteLog};
