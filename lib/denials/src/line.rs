//! One line of the kernel's log about something refused, as it writes it where no audit daemon listens (kernel/audit.c,
//! security/selinux/avc.c, security/lsm_audit.c, kernel/auditsc.c).

use crate::{Context, calls};

/// Longest name of a process or object that is kept, in characters. Whoever is refused chooses them.
const MAX_NAME: usize = 256;
/// Most permissions of one class (kernel's `security/selinux/include/classmap.h` allows 32).
const MAX_PERMISSIONS: usize = 32;
/// Longest name of a class or permission, in bytes.
const MAX_WORD: usize = 64;
/// `AUDIT_AVC` (linux/audit.h): the policy refused something.
const ACCESS: u16 = 1400;
/// `AUDIT_SECCOMP` (linux/audit.h): a list of system calls did.
const SYSTEM_CALL: u16 = 1326;
/// `SECCOMP_RET_ERRNO` (linux/seccomp.h): the call was answered with an error, and the process goes on.
const ANSWERED: &str = "0x50000";

/// Something that the kernel refused, or would have (`permissive`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// When: milliseconds since 1970, by the node's clock at that time.
    pub time_ms: u64,
    /// Number that the kernel gave its record.
    pub serial: u64,
    /// The process.
    pub pid: Option<u32>,
    /// Its name, which it chooses itself: any text.
    pub command: String,
    /// Whose it is; `None` where no policy is loaded.
    pub source: Option<Context>,
    /// What was refused to it.
    pub refused: Refused,
}

/// What was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// By the SELinux policy.
    Access {
        /// Whose the target is.
        target: Context,
        /// Name or path of the target, as far as the kernel tells; any text.
        object: Option<String>,
        /// What kind of thing it is: `file`, `tcp_socket`, …
        class: String,
        /// What was wanted of it, in the order of the kernel.
        permissions: Vec<String>,
        /// It was only noted, not refused.
        permissive: bool,
    },
    /// By the list of a workload: the call was answered with an error, and it is one of those that are on record.
    Call {
        /// Its name.
        name: &'static str,
        /// Its number on the processor's architecture.
        number: u32,
    },
    /// By a list of system calls; the process was ended.
    SystemCall {
        /// Its number on the processor's architecture.
        number: u32,
        /// `AUDIT_ARCH_…` of linux/audit.h.
        architecture: u32,
    },
}

/// A record of the kernel: of something refused, or of anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When: milliseconds since 1970, by the node's clock at that time.
    pub time_ms: u64,
    /// The number that the kernel gave it.
    pub serial: u64,
    /// `AUDIT_…` of linux/audit.h.
    pub kind: u16,
    /// What it tells, without time and number: the same for the same again.
    pub body: &'a str,
}

impl<'a> Record<'a> {
    /// Reads a record as the kernel multicasts it: `audit(SECONDS.MILLIS:SERIAL): BODY`.
    pub fn new(kind: u16, text: &'a str) -> Option<Self> {
        let (stamp, body) = text.strip_prefix("audit(")?.split_once("): ")?;
        let (time_ms, serial) = time_and_serial(stamp)?;
        Some(Self { time_ms, serial, kind, body })
    }

    /// Reads a line of the kernel's log, without its priority: `audit: type=KIND` before the same.
    pub fn of_line(line: &'a str) -> Option<Self> {
        let (kind, text) = line.strip_prefix("audit: type=")?.split_once(' ')?;
        Self::new(kind.parse().ok()?, text)
    }

    /// What was refused. `None`: nothing was, or the record was cut short.
    pub fn denial(&self) -> Option<Denial> {
        let body = self.body;
        let refused = match self.kind {
            ACCESS => access(body)?,
            SYSTEM_CALL => system_call(body)?,
            _ => return None,
        };
        let source = field(body, "scontext").or_else(|| field(body, "subj")).and_then(Context::parse);
        // A policy's refusal without whose it was is none that can be told.
        if source.is_none() && matches!(refused, Refused::Access { .. }) {
            return None;
        }
        let pid = field(body, "pid").and_then(|pid| pid.parse().ok());
        let command = field(body, "comm").map(text).unwrap_or_default();
        Some(Denial { time_ms: self.time_ms, serial: self.serial, pid, command, source, refused })
    }

    /// Whether it tells of a refused call that is not on record: programs try it as a matter of course, so it says nothing.
    pub fn is_routine(&self) -> bool {
        self.kind == SYSTEM_CALL && field(self.body, "code") == Some(ANSWERED) && system_call(self.body).is_none()
    }
}

/// How many records there was no room for since the kernel started, if a line of its log tells (`audit_log_lost`).
pub fn lost(line: &str) -> Option<u64> {
    line.strip_prefix("audit: audit_lost=")?.split(' ').next()?.parse().ok()
}

/// `1700000000.123:45`
fn time_and_serial(stamp: &str) -> Option<(u64, u64)> {
    let (seconds, rest) = stamp.split_once('.')?;
    let (millis, serial) = rest.split_once(':')?;
    let (seconds, millis): (u64, u64) = (seconds.parse().ok()?, millis.parse().ok()?);
    Some((seconds.checked_mul(1000)?.checked_add(millis)?, serial.parse().ok()?))
}

/// `avc:  denied  { read write } for  pid=…`
fn access(body: &str) -> Option<Refused> {
    let (permissions, _) = body.strip_prefix("avc:  denied  { ")?.split_once(" } for ")?;
    let permissions: Vec<String> = permissions.split(' ').map(str::to_owned).collect();
    if permissions.is_empty() || permissions.len() > MAX_PERMISSIONS || !permissions.iter().all(|p| is_word(p)) {
        return None;
    }
    let class = field(body, "tclass").filter(|class| is_word(class))?.to_owned();
    let object = field(body, "path").or_else(|| field(body, "name")).map(text);
    let target = field(body, "tcontext").and_then(Context::parse)?;
    Some(Refused::Access { target, object, class, permissions, permissive: field(body, "permissive") == Some("1") })
}

fn system_call(body: &str) -> Option<Refused> {
    let number = field(body, "syscall")?.parse().ok()?;
    let architecture = u32::from_str_radix(field(body, "arch")?, 16).ok()?;
    match field(body, "code") {
        Some(ANSWERED) => calls::recorded(number, architecture).map(|name| Refused::Call { name, number }),
        _ => Some(Refused::SystemCall { number, architecture }),
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.len() <= MAX_WORD && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value of the first `KEY=`. No value has a space in it: the kernel writes what others choose as hexadecimal if it has anything but
/// letters, digits and harmless marks (`audit_log_n_untrustedstring`), so nobody can put a field of their own into a line.
fn field<'a>(body: &'a str, key: &str) -> Option<&'a str> {
    body.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// What others choose: in quotes, or hexadecimal.
fn text(value: &str) -> String {
    let plain = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest).to_owned());
    let decoded = plain.or_else(|| unhex(value)).unwrap_or_else(|| value.to_owned());
    decoded.chars().take(MAX_NAME).collect()
}

fn unhex(value: &str) -> Option<String> {
    let digits = value.as_bytes();
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pair =
        |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).ok().filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
