//! `cloudformation`: tells AWS CloudFormation that the node has started.

use crate::namespace::namespace;
use ampoule_base::SingleLine;

namespace! {
    /// Tells AWS CloudFormation whether the node has started well.
    Cloudformation "cloudformation"
    keys {
        /// Whether it is told.
        should_signal "should-signal": bool, "true";
        /// The stack.
        stack_name "stack-name": SingleLine, r#""my-stack""#;
        /// The resource of the stack that this node is part of.
        logical_resource_id "logical-resource-id": SingleLine, r#""NodeGroup""#;
    }
}
