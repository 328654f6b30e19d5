//! Client of the node API, over the Unix socket or mutual TLS
