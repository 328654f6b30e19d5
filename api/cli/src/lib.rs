//! Command line of the node API: shared by `ampctl` on the node and by the host tool's `ctl`.
