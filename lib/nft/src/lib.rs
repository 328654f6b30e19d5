//! Encoder for nftables netlink messages; pure
