//! Numbers of the kernel's interface: `include/uapi/linux/netfilter/nf_tables.h`, `nfnetlink.h`, `netlink.h`,
//! `nf_conntrack_common.h`, as of Linux 6.12. One module per attribute space.

/// Message types.
pub(crate) mod kind {
    /// Answer with an error number; 0 is an acknowledgement.
    pub(crate) const ERROR: u16 = 2;
    pub(crate) const BATCH_BEGIN: u16 = 0x10;
    pub(crate) const BATCH_END: u16 = 0x11;
    const SUBSYSTEM: u16 = super::SUBSYSTEM_NFTABLES << 8;
    pub(crate) const NEW_TABLE: u16 = SUBSYSTEM;
    pub(crate) const DELETE_TABLE: u16 = SUBSYSTEM | 2;
    pub(crate) const NEW_CHAIN: u16 = SUBSYSTEM | 3;
    pub(crate) const NEW_RULE: u16 = SUBSYSTEM | 6;
}

/// Message flags.
pub(crate) mod flag {
    pub(crate) const REQUEST: u16 = 1;
    pub(crate) const ACK: u16 = 4;
    pub(crate) const CREATE: u16 = 0x400;
    pub(crate) const APPEND: u16 = 0x800;
}

pub(crate) const SUBSYSTEM_NFTABLES: u16 = 10;
pub(crate) const FAMILY_IPV4: u8 = 2;
/// The attribute holds further attributes.
pub(crate) const NESTED: u16 = 0x8000;

pub(crate) mod table {
    pub(crate) const NAME: u16 = 1;
}

pub(crate) mod chain {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const NAME: u16 = 3;
    pub(crate) const HOOK: u16 = 4;
    pub(crate) const POLICY: u16 = 5;
    pub(crate) const TYPE: u16 = 7;
    pub(crate) const HOOK_NUMBER: u16 = 1;
    pub(crate) const HOOK_PRIORITY: u16 = 2;
}

pub(crate) mod rule {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const CHAIN: u16 = 2;
    pub(crate) const EXPRESSIONS: u16 = 4;
    pub(crate) const USER_DATA: u16 = 7;
    /// Kind of a comment within user data, by convention of `nft`.
    pub(crate) const USER_DATA_COMMENT: u8 = 0;
}

pub(crate) mod list {
    pub(crate) const ELEMENT: u16 = 1;
}

pub(crate) mod expression {
    pub(crate) const NAME: u16 = 1;
    pub(crate) const DATA: u16 = 2;
}

pub(crate) mod data {
    pub(crate) const VALUE: u16 = 1;
    pub(crate) const VERDICT: u16 = 2;
    pub(crate) const VERDICT_CODE: u16 = 1;
    pub(crate) const VERDICT_CHAIN: u16 = 2;
}

/// Registers.
pub(crate) mod register {
    pub(crate) const VERDICT: u32 = 0;
    pub(crate) const FIRST: u32 = 1;
    pub(crate) const SECOND: u32 = 2;
}

pub(crate) mod verdict {
    pub(crate) const DROP: i32 = 0;
    pub(crate) const ACCEPT: i32 = 1;
    pub(crate) const JUMP: i32 = -3;
}

pub(crate) mod immediate {
    pub(crate) const REGISTER: u16 = 1;
    pub(crate) const DATA: u16 = 2;
}

pub(crate) mod meta {
    pub(crate) const REGISTER: u16 = 1;
    pub(crate) const KEY: u16 = 2;
    pub(crate) const KEY_INPUT_NAME: u32 = 6;
    pub(crate) const KEY_OUTPUT_NAME: u32 = 7;
    pub(crate) const KEY_TRANSPORT: u32 = 16;
}

pub(crate) mod compare {
    pub(crate) const REGISTER: u16 = 1;
    pub(crate) const OPERATION: u16 = 2;
    pub(crate) const DATA: u16 = 3;
    pub(crate) const EQUAL: u32 = 0;
    pub(crate) const NOT_EQUAL: u32 = 1;
}

pub(crate) mod payload {
    pub(crate) const REGISTER: u16 = 1;
    pub(crate) const BASE: u16 = 2;
    pub(crate) const OFFSET: u16 = 3;
    pub(crate) const LENGTH: u16 = 4;
    pub(crate) const BASE_NETWORK: u32 = 1;
    pub(crate) const BASE_TRANSPORT: u32 = 2;
}

pub(crate) mod bitwise {
    pub(crate) const SOURCE: u16 = 1;
    pub(crate) const DESTINATION: u16 = 2;
    pub(crate) const LENGTH: u16 = 3;
    pub(crate) const MASK: u16 = 4;
    pub(crate) const XOR: u16 = 5;
}

/// Connection tracking.
pub(crate) mod track {
    pub(crate) const REGISTER: u16 = 1;
    pub(crate) const KEY: u16 = 2;
    pub(crate) const KEY_STATE: u32 = 0;
    pub(crate) const KEY_STATUS: u32 = 2;
    pub(crate) const STATE_INVALID: u32 = 1;
    pub(crate) const STATE_ESTABLISHED: u32 = 2;
    pub(crate) const STATE_RELATED: u32 = 4;
    pub(crate) const STATUS_DESTINATION_TRANSLATED: u32 = 1 << 5;
}

/// Forwarding information base: what the routing tables say of an address.
pub(crate) mod fib {
    pub(crate) const REGISTER: u16 = 1;
    pub(crate) const RESULT: u16 = 2;
    pub(crate) const FLAGS: u16 = 3;
    pub(crate) const RESULT_OUTPUT: u32 = 1;
    pub(crate) const RESULT_ADDRESS_TYPE: u32 = 3;
    pub(crate) const FLAG_SOURCE: u32 = 1;
    pub(crate) const FLAG_INPUT: u32 = 8;
    pub(crate) const FLAG_DESTINATION: u32 = 2;
    /// `RTN_LOCAL`.
    pub(crate) const TYPE_LOCAL: u32 = 2;
}

pub(crate) mod nat {
    pub(crate) const TYPE: u16 = 1;
    pub(crate) const FAMILY: u16 = 2;
    pub(crate) const ADDRESS_REGISTER: u16 = 3;
    pub(crate) const PORT_REGISTER: u16 = 5;
    pub(crate) const TYPE_DESTINATION: u32 = 1;
}
