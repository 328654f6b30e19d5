//! Small files of the kernel that tell of links.

use std::fs;

/// Names of links with a device behind them: no bridges, no containers' links, no tunnels.
pub(crate) fn physical_links() -> Vec<String> {
    let all = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    all.filter(|e| e.path().join("device").exists()).filter_map(|e| e.file_name().into_string().ok()).collect()
}

/// Whether something is at the other end. A link that is down has no answer, which is no.
pub(crate) fn carrier(link: &str) -> bool {
    fs::read_to_string(format!("/sys/class/net/{link}/carrier")).is_ok_and(|c| c.trim() == "1")
}

/// A link's hardware address, if it is Ethernet's kind.
pub(crate) fn mac(link: &str) -> Option<[u8; 6]> {
    let text = fs::read_to_string(format!("/sys/class/net/{link}/address")).ok()?;
    let bytes: Vec<u8> = text.trim().split(':').map(|b| u8::from_str_radix(b, 16)).collect::<Result<_, _>>().ok()?;
    bytes.try_into().ok()
}

/// Sets a kernel setting of a link; one that cannot be set is logged.
pub(crate) fn set(family: &str, link: &str, name: &str, value: &str) {
    let path = format!("/proc/sys/net/{family}/conf/{link}/{name}");
    if let Err(error) = fs::write(&path, value) {
        log::warn!("Cannot set {path} to {value}: {error}");
    }
}
