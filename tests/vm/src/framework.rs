//! What cases are written with: nodes, waiting, and the words for both.

mod node;
mod plan;
mod wait;

pub(crate) use node::{Node, NodeFailure};
pub(crate) use plan::NodePlan;
pub(crate) use wait::{eventually, within};
