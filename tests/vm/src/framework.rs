//! What cases are written with: nodes, waiting, and the words for both.

mod boot_choice;
mod disk;
mod host_tool;
mod node;
mod plan;
mod side_by_side;
mod wait;
pub(crate) mod wire;
mod write_log;

pub(crate) use boot_choice::{Known, boot_choice, partition};
pub(crate) use host_tool::HostTool;
pub(crate) use node::{Node, NodeFailure};
pub(crate) use plan::NodePlan;
pub(crate) use side_by_side::{Pieces, side_by_side};
pub(crate) use wait::{eventually, within};
pub(crate) use write_log::{Crashed, WriteLog};
