//! A small read-only OCI registry for images on this machine
