//! `autoscaling`: a node in a warm pool.

use crate::namespace::namespace;

namespace! {
    /// A node in a warm pool of AWS Auto Scaling.
    Autoscaling "autoscaling"
    keys {
        /// Whether the node, while it is in a warm pool, waits with joining its cluster until it goes into service.
        should_wait "should-wait": bool, "true";
    }
}
