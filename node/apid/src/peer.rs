//! Who is at the other end of the local socket, for the author of a change.

use tokio::net::UnixStream;

/// Longest program name the kernel keeps (`TASK_COMM_LEN`), without its end.
const LONGEST_COMM: usize = 15;

/// Program, user and process of a caller, as the kernel knew them when it connected (`SO_PEERCRED`, `unix(7)`). A process can call itself anything; only the numbers are facts.
pub(crate) fn name(stream: &UnixStream) -> String {
    let Ok(peer) = stream.peer_cred() else { return "local".to_owned() };
    let Some(pid) = peer.pid() else { return format!("local (uid {})", peer.uid()) };
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{} (uid {}, pid {pid})", printable(&comm), peer.uid())
}

/// Fit for a log line.
fn printable(comm: &str) -> String {
    let name: String = comm.trim_end().chars().take(LONGEST_COMM).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    if name.is_empty() { "local".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_cannot_forge_a_line() {
        assert_eq!(super::printable("ampctl\n"), "ampctl");
        assert_eq!(super::printable("x\n<3>root did it"), "x_<3>root_did_i");
        assert_eq!(super::printable(""), "local");
    }
}
