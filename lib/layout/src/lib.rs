//! Partition types, verity parameters and kernel command line of an image; pure
