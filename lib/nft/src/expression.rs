//! Matches and actions as the small steps the kernel runs.
//!
//! A match loads something into a register, may mask it, and compares it; the rule goes on only if the comparison holds.

use std::net::Ipv4Addr;

use crate::message::Writer;
use crate::numbers::{FAMILY_IPV4, bitwise, compare, data, expression, fib, immediate, list, meta, nat, payload, register, track, verdict};
use crate::ruleset::{Action, Match, Transport};

/// The kernel keeps interface names in this many bytes, the rest zero.
const INTERFACE_NAME: usize = 16;
/// Offsets in the IPv4 header and in those of TCP and UDP, which agree here.
const SOURCE_ADDRESS: u32 = 12;
const DESTINATION_ADDRESS: u32 = 16;
const DESTINATION_PORT: u32 = 2;

pub(crate) fn write_match(out: &mut Writer, condition: &Match) {
    use compare::{EQUAL, NOT_EQUAL};
    match condition {
        Match::InputInterface(name) => interface(out, meta::KEY_INPUT_NAME, EQUAL, name),
        Match::NotInputInterface(name) => interface(out, meta::KEY_INPUT_NAME, NOT_EQUAL, name),
        Match::OutputInterface(name) => interface(out, meta::KEY_OUTPUT_NAME, EQUAL, name),
        Match::NotOutputInterface(name) => interface(out, meta::KEY_OUTPUT_NAME, NOT_EQUAL, name),
        Match::Source(address, prefix) => network(out, SOURCE_ADDRESS, EQUAL, *address, *prefix),
        Match::Destination(address, prefix) => network(out, DESTINATION_ADDRESS, EQUAL, *address, *prefix),
        Match::NotDestination(address, prefix) => network(out, DESTINATION_ADDRESS, NOT_EQUAL, *address, *prefix),
        Match::SourceNotBehindInput => source_not_behind_input(out),
        Match::DestinationIsLocal => local_destination(out),
        Match::DestinationPort(transport, port) => destination_port(out, *transport, *port),
        Match::EstablishedOrRelated => {
            tracked(out, track::KEY_STATE, track::STATE_ESTABLISHED | track::STATE_RELATED);
        }
        Match::Invalid => tracked(out, track::KEY_STATE, track::STATE_INVALID),
        Match::DestinationTranslated => tracked(out, track::KEY_STATUS, track::STATUS_DESTINATION_TRANSLATED),
    }
}

pub(crate) fn write_action(out: &mut Writer, action: &Action) {
    match action {
        Action::Accept => write_verdict(out, verdict::ACCEPT, None),
        Action::Drop => write_verdict(out, verdict::DROP, None),
        Action::Jump(chain) => write_verdict(out, verdict::JUMP, Some(chain)),
        Action::Masquerade => step(out, "masq", |_| {}),
        Action::TranslateDestination(address, port) => translate_destination(out, *address, *port),
    }
}

fn step(out: &mut Writer, name: &str, fill: impl FnOnce(&mut Writer)) {
    out.nested(list::ELEMENT, |out| {
        out.text(expression::NAME, name);
        out.nested(expression::DATA, fill);
    });
}

fn interface(out: &mut Writer, key: u32, operation: u32, name: &str) {
    load_meta(out, key);
    if let Some(begin) = name.strip_suffix('*') {
        return write_compare(out, operation, begin.as_bytes());
    }
    let mut value = [0; INTERFACE_NAME];
    // The name is shorter than that: `batch` refuses others.
    value[..name.len()].copy_from_slice(name.as_bytes());
    write_compare(out, operation, &value);
}

fn network(out: &mut Writer, offset: u32, operation: u32, address: Ipv4Addr, prefix: u8) {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    load_payload(out, payload::BASE_NETWORK, offset, 4);
    write_mask(out, mask.to_be_bytes());
    write_compare(out, operation, &(address.to_bits() & mask).to_be_bytes());
}

fn destination_port(out: &mut Writer, transport: Transport, port: u16) {
    let protocol = match transport {
        Transport::Tcp => 6,
        Transport::Udp => 17,
    };
    load_meta(out, meta::KEY_TRANSPORT);
    write_compare(out, compare::EQUAL, &[protocol]);
    load_payload(out, payload::BASE_TRANSPORT, DESTINATION_PORT, 2);
    write_compare(out, compare::EQUAL, &port.to_be_bytes());
}

fn source_not_behind_input(out: &mut Writer) {
    load_route(out, fib::RESULT_OUTPUT, fib::FLAG_SOURCE | fib::FLAG_INPUT);
    write_compare(out, compare::EQUAL, &[0; 4]);
}

fn load_route(out: &mut Writer, result: u32, flags: u32) {
    step(out, "fib", |out| {
        out.number(fib::REGISTER, register::FIRST);
        out.number(fib::RESULT, result);
        out.number(fib::FLAGS, flags);
    });
}

fn local_destination(out: &mut Writer) {
    load_route(out, fib::RESULT_ADDRESS_TYPE, fib::FLAG_DESTINATION);
    // Registers filled by the kernel from its own numbers are in its own byte order.
    write_compare(out, compare::EQUAL, &fib::TYPE_LOCAL.to_ne_bytes());
}

fn tracked(out: &mut Writer, key: u32, any_of: u32) {
    step(out, "ct", |out| {
        out.number(track::REGISTER, register::FIRST);
        out.number(track::KEY, key);
    });
    write_mask(out, any_of.to_ne_bytes());
    write_compare(out, compare::NOT_EQUAL, &[0; 4]);
}

fn load_meta(out: &mut Writer, key: u32) {
    step(out, "meta", |out| {
        out.number(meta::REGISTER, register::FIRST);
        out.number(meta::KEY, key);
    });
}

fn load_payload(out: &mut Writer, base: u32, offset: u32, length: u32) {
    step(out, "payload", |out| {
        out.number(payload::REGISTER, register::FIRST);
        out.number(payload::BASE, base);
        out.number(payload::OFFSET, offset);
        out.number(payload::LENGTH, length);
    });
}

fn write_mask(out: &mut Writer, mask: [u8; 4]) {
    step(out, "bitwise", |out| {
        out.number(bitwise::SOURCE, register::FIRST);
        out.number(bitwise::DESTINATION, register::FIRST);
        out.number(bitwise::LENGTH, 4);
        out.nested(bitwise::MASK, |out| out.bytes(data::VALUE, &mask));
        out.nested(bitwise::XOR, |out| out.bytes(data::VALUE, &[0; 4]));
    });
}

fn write_compare(out: &mut Writer, operation: u32, value: &[u8]) {
    step(out, "cmp", |out| {
        out.number(compare::REGISTER, register::FIRST);
        out.number(compare::OPERATION, operation);
        out.nested(compare::DATA, |out| out.bytes(data::VALUE, value));
    });
}

fn write_immediate(out: &mut Writer, target: u32, value: &[u8]) {
    step(out, "immediate", |out| {
        out.number(immediate::REGISTER, target);
        out.nested(immediate::DATA, |out| out.bytes(data::VALUE, value));
    });
}

fn write_verdict(out: &mut Writer, code: i32, chain: Option<&str>) {
    step(out, "immediate", |out| {
        out.number(immediate::REGISTER, register::VERDICT);
        out.nested(immediate::DATA, |out| {
            out.nested(data::VERDICT, |out| {
                out.number(data::VERDICT_CODE, code.cast_unsigned());
                chain.inspect(|name| out.text(data::VERDICT_CHAIN, name));
            });
        });
    });
}

fn translate_destination(out: &mut Writer, address: Ipv4Addr, port: u16) {
    write_immediate(out, register::FIRST, &address.octets());
    write_immediate(out, register::SECOND, &port.to_be_bytes());
    step(out, "nat", |out| {
        out.number(nat::TYPE, nat::TYPE_DESTINATION);
        out.number(nat::FAMILY, u32::from(FAMILY_IPV4));
        out.number(nat::ADDRESS_REGISTER, register::FIRST);
        out.number(nat::PORT_REGISTER, register::SECOND);
    });
}
