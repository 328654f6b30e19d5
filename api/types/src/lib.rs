//! Types on the wire of the node API
