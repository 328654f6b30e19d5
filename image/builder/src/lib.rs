//! Builds node images without root
