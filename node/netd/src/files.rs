//! Small files of the kernel that tell of links.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A link's name, and the kernel's number of it: another card may come under the name of one that was taken out, never under its number.
pub(crate) type LinkId = (String, u32);

/// Links with a device behind them: no bridges, no containers' links, no tunnels.
pub(crate) fn physical_links() -> BTreeSet<LinkId> {
    links_below(Path::new("/sys/class/net"))
}

fn links_below(folder: &Path) -> BTreeSet<LinkId> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten().filter(|e| e.path().join("device").exists());
    // One without a number goes this very moment.
    let number = |e: &fs::DirEntry| fs::read_to_string(e.path().join("ifindex")).ok()?.trim().parse().ok();
    all.filter_map(|e| Some((e.file_name().into_string().ok()?, number(&e)?))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_with_a_device_are_told_by_name_and_number() {
        let place = tempfile::tempdir().expect("a folder");
        for (name, number) in [("eth0", "2\n"), ("eth1", "7\n"), ("veth", "5\n"), ("going", "")] {
            fs::create_dir_all(place.path().join(name)).expect("a folder");
            fs::write(place.path().join(name).join("ifindex"), number).expect("written");
        }
        for name in ["eth0", "eth1", "going"] {
            fs::create_dir(place.path().join(name).join("device")).expect("a folder");
        }
        assert_eq!(links_below(place.path()), BTreeSet::from([("eth0".to_owned(), 2), ("eth1".to_owned(), 7)]));
    }
}
