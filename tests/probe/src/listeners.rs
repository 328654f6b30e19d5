//! Which ports the node listens on.

use std::fs;

use crate::report::Report;

/// A kind of socket, its file in `/proc/net`, and the state that means "listens" (UDP: "unconnected").
const KINDS: [(&str, &str, &str); 4] =
    [("tcp", "/proc/net/tcp", "0A"), ("tcp", "/proc/net/tcp6", "0A"), ("udp", "/proc/net/udp", "07"), ("udp", "/proc/net/udp6", "07")];

/// The API, opened by the test's own settings, and DHCP's client.
const EXPECTED: [(&str, u16); 2] = [("tcp", 9443), ("udp", 68)];

pub(crate) fn check(report: &mut Report) {
    for (kind, path, state) in KINDS {
        match fs::read_to_string(path) {
            Ok(text) => {
                for port in ports(&text, state) {
                    judge(report, kind, port);
                }
            }
            // Without IPv6 in the kernel there is no such file.
            Err(error) => report.ok(&format!("listen {path}: {error}")),
        }
    }
    report.ok("listen: looked at");
}

/// All of them, as `tcp 9443`.
pub(crate) fn all() -> Vec<String> {
    let read = |(kind, path, state): &(&str, &str, &str)| {
        let text = fs::read_to_string(path).unwrap_or_default();
        ports(&text, state).into_iter().map(|port| format!("{kind} {port}")).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = KINDS.iter().flat_map(read).collect();
    all.sort();
    all.dedup();
    all
}

fn judge(report: &mut Report, kind: &str, port: u16) {
    if EXPECTED.contains(&(kind, port)) {
        report.ok(&format!("listen {kind} {port}, as it should"));
    } else {
        report.failed(&format!("listen {kind} {port}: nobody asked for it"));
    }
}

/// Lines look like `0: 00000000:24E3 00000000:0000 0A …`, all in hexadecimal.
fn ports(text: &str, wanted: &str) -> Vec<u16> {
    let lines = text.lines().skip(1);
    lines
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let (_, port) = fields.next()?.rsplit_once(':')?;
            let state = fields.nth(1)?;
            (state == wanted).then(|| u16::from_str_radix(port, 16).ok())?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_count() {
        let text = "  sl  local_address rem_address   st\n\
                    \x20  0: 00000000:24E3 00000000:0000 0A 00000000:00000000\n\
                    \x20  1: 0F02000A:24E3 0202000A:9C40 01 00000000:00000000\n";
        assert_eq!(ports(text, "0A"), [9443]);
    }
}
