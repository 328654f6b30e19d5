//! A ruleset as one batch of messages.

use thiserror::Error;

use crate::expression::{write_action, write_match};
use crate::message::Writer;
use crate::numbers::{chain, flag, kind, rule, table};
use crate::ruleset::{Action, Base, Chain, Hook, Match, Policy, Rule, Ruleset};

/// Longest name of a table or chain, in bytes. The kernel takes 255; ours are short, and shown in one line.
const LONGEST_NAME: usize = 31;
/// Longest name of an interface, in bytes (the kernel's `IFNAMSIZ` less the closing zero).
const LONGEST_INTERFACE_NAME: usize = 15;
/// Longest comment, in bytes: with its framing it fits the 256 bytes the kernel keeps for it, as `nft` allows.
const LONGEST_COMMENT: usize = 127;
/// Most rules in one ruleset. Each takes under 1 KiB, so that a batch stays below the 1 MiB that the sender asks of its socket.
const MOST_RULES: usize = 1004;

/// Messages that the kernel applies whole or not at all, and what each is about.
#[derive(Clone, Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    /// What the message with this sequence number is about.
    subjects: Vec<String>,
}

impl Batch {
    /// The bytes to send to a `NETLINK_NETFILTER` socket in one datagram.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the message with this sequence number is about; the boundary messages are "the batch".
    pub(crate) fn subject(&self, sequence: u32) -> &str {
        self.subjects.get(sequence as usize).map_or("the batch", String::as_str)
    }

    /// Sequence number of the one message for which an acknowledgement was asked.
    pub(crate) fn last(&self) -> u32 {
        // Both boundaries have a subject too; the acknowledged message is the one before the closing boundary.
        (self.subjects.len() - 2) as u32
    }
}

/// Why a ruleset cannot be sent.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// A table's or chain's name breaks the rules for names.
    #[error("'{0}' is no name for a table or chain: 1 to 31 letters, digits, '_' or '-'")]
    Name(String),
    /// An interface's name breaks the kernel's rules.
    #[error("'{0}' is no name for a network interface: 1 to 15 bytes, no blanks, no '/'")]
    Interface(String),
    /// A comment is too long or holds control characters.
    #[error("comment '{0}' is longer than 127 bytes or holds control characters")]
    Comment(String),
    /// A prefix length is over 32.
    #[error("an IPv4 prefix has at most 32 bits, not {0}")]
    Prefix(u8),
    /// There are too many rules.
    #[error("{0} rules are more than the 1004 one table may have: publish fewer ports")]
    TooMany(usize),
}

/// The batch that makes the ruleset's table be exactly what the ruleset says.
///
/// # Errors
/// A part that the kernel's interface cannot express, or that is beyond our limits.
pub fn encode(ruleset: &Ruleset) -> Result<Batch, EncodeError> {
    check(ruleset)?;
    let mut messages = Messages::start(&ruleset.table);
    // `delete` fails for a table that is not there, so it is made first; all within one transaction.
    messages.new_table();
    messages.delete_table();
    messages.new_table();
    ruleset.chains.iter().for_each(|c| messages.new_chain(c));
    for chain in &ruleset.chains {
        chain.rules.iter().enumerate().for_each(|(number, r)| messages.new_rule(chain, number, r));
    }
    Ok(messages.finish())
}

/// The batch that removes a table, also when there is none.
///
/// # Errors
/// The name is none.
pub fn encode_removal(table: &str) -> Result<Batch, EncodeError> {
    check_name(table)?;
    let mut messages = Messages::start(table);
    messages.new_table();
    messages.delete_table();
    Ok(messages.finish())
}

/// A message waiting for its place: the last one asks for an acknowledgement, so it is written one step late.
type Pending<'a> = (u16, u16, Box<dyn FnOnce(&mut Writer) + 'a>);

struct Messages<'a> {
    table: &'a str,
    pending: Vec<Pending<'a>>,
    subjects: Vec<String>,
}

impl<'a> Messages<'a> {
    fn start(table: &'a str) -> Self {
        Self { table, pending: Vec::new(), subjects: vec!["the batch".into()] }
    }

    fn add(&mut self, subject: String, kind: u16, flags: u16, fill: impl FnOnce(&mut Writer) + 'a) {
        self.subjects.push(subject);
        self.pending.push((kind, flags, Box::new(fill)));
    }

    fn new_table(&mut self) {
        let name = self.table;
        self.add(format!("table {name}"), kind::NEW_TABLE, flag::CREATE, |out| out.text(table::NAME, name));
    }

    fn delete_table(&mut self) {
        let name = self.table;
        self.add(format!("removal of table {name}"), kind::DELETE_TABLE, 0, |out| out.text(table::NAME, name));
    }

    fn new_chain(&mut self, wanted: &'a Chain) {
        let table = self.table;
        self.add(format!("chain {}", wanted.name), kind::NEW_CHAIN, flag::CREATE, move |out| {
            out.text(chain::TABLE, table);
            out.text(chain::NAME, &wanted.name);
            wanted.base.iter().for_each(|base| write_base(out, *base));
        });
    }

    fn new_rule(&mut self, of: &'a Chain, number: usize, wanted: &'a Rule) {
        let table = self.table;
        let subject = format!("rule {} of chain {} ({})", number + 1, of.name, wanted.comment);
        self.add(subject, kind::NEW_RULE, flag::CREATE | flag::APPEND, move |out| {
            out.text(rule::TABLE, table);
            out.text(rule::CHAIN, &of.name);
            out.nested(rule::EXPRESSIONS, |out| {
                wanted.matches.iter().for_each(|m| write_match(out, m));
                write_action(out, &wanted.action);
            });
            write_comment(out, &wanted.comment);
        });
    }

    fn finish(mut self) -> Batch {
        let mut out = Writer::default();
        let count = self.pending.len() as u32;
        out.boundary(kind::BATCH_BEGIN, 0);
        for (sequence, (kind, flags, fill)) in (1..).zip(self.pending) {
            // Errors come unasked; one acknowledgement at the end tells that all went well without filling the socket.
            let acknowledge = if sequence == count { flag::ACK } else { 0 };
            out.message(kind, flags | acknowledge, sequence, fill);
        }
        out.boundary(kind::BATCH_END, count + 1);
        self.subjects.push("the batch".into());
        Batch { bytes: out.finish(), subjects: self.subjects }
    }
}

fn write_base(out: &mut Writer, base: Base) {
    let (number, kind) = hook_number(base.hook);
    out.nested(chain::HOOK, |out| {
        out.number(chain::HOOK_NUMBER, number);
        out.number(chain::HOOK_PRIORITY, base.priority.cast_unsigned());
    });
    out.text(chain::TYPE, kind);
    let policy = match base.policy {
        Policy::Drop => 0,
        Policy::Accept => 1,
    };
    out.number(chain::POLICY, policy);
}

/// The kernel's number of the place (`enum nf_inet_hooks`) and its name for the kind of chain.
fn hook_number(hook: Hook) -> (u32, &'static str) {
    match hook {
        Hook::FilterPrerouting => (0, "filter"),
        Hook::NatPrerouting => (0, "nat"),
        Hook::FilterInput => (1, "filter"),
        Hook::FilterForward => (2, "filter"),
        Hook::FilterOutput => (3, "filter"),
        Hook::NatOutput => (3, "nat"),
        Hook::NatPostrouting => (4, "nat"),
    }
}

fn write_comment(out: &mut Writer, comment: &str) {
    if comment.is_empty() {
        return;
    }
    let length = (comment.len() + 1) as u8;
    let mut value = vec![rule::USER_DATA_COMMENT, length];
    value.extend(comment.as_bytes());
    value.push(0);
    out.bytes(rule::USER_DATA, &value);
}

fn check(ruleset: &Ruleset) -> Result<(), EncodeError> {
    check_name(&ruleset.table)?;
    let count = ruleset.chains.iter().map(|c| c.rules.len()).sum();
    if count > MOST_RULES {
        return Err(EncodeError::TooMany(count));
    }
    for chain in &ruleset.chains {
        check_name(&chain.name)?;
        chain.rules.iter().try_for_each(check_rule)?;
    }
    Ok(())
}

fn check_rule(rule: &Rule) -> Result<(), EncodeError> {
    rule.matches.iter().try_for_each(check_match)?;
    if let Action::Jump(name) = &rule.action {
        check_name(name)?;
    }
    if rule.comment.len() > LONGEST_COMMENT || rule.comment.chars().any(char::is_control) {
        return Err(EncodeError::Comment(rule.comment.clone()));
    }
    Ok(())
}

fn check_match(condition: &Match) -> Result<(), EncodeError> {
    match condition {
        Match::InputInterface(name) | Match::NotInputInterface(name) | Match::OutputInterface(name) | Match::NotOutputInterface(name) => {
            check_interface(name)
        }
        Match::Source(_, prefix) | Match::Destination(_, prefix) | Match::NotDestination(_, prefix) if *prefix > 32 => {
            Err(EncodeError::Prefix(*prefix))
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), EncodeError> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let good = (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(letter);
    if good { Ok(()) } else { Err(EncodeError::Name(name.to_owned())) }
}

fn check_interface(name: &str) -> Result<(), EncodeError> {
    let letter = |b: u8| b.is_ascii_graphic() && b != b'/';
    let good = (1..=LONGEST_INTERFACE_NAME).contains(&name.len()) && name.bytes().all(letter) && name != "*";
    if good { Ok(()) } else { Err(EncodeError::Interface(name.to_owned())) }
}
