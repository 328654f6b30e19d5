//! The aliases of the devices that are there already.
//!
//! Read through `/sys/bus/*/devices` and two classes instead of walking all of `/sys/devices`: the same aliases from a
//! tenth of the folders.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use ampoule_modalias::MAX_ALIAS;

/// Most devices looked at. Machines with thousands of virtual functions stay below; more would only delay the boot.
const MAX_DEVICES: usize = 16 * 1024;

/// Every alias, once.
pub(crate) fn aliases() -> BTreeSet<String> {
    aliases_below(Path::new("/sys"))
}

fn aliases_below(sys: &Path) -> BTreeSet<String> {
    let buses = children(&sys.join("bus")).into_iter().map(|bus| bus.join("devices"));
    let classes = ["dmi", "input"].map(|class| sys.join("class").join(class));
    let devices = buses.chain(classes).flat_map(|folder| children(&folder));
    devices.take(MAX_DEVICES).filter_map(|device| read_alias(&device.join("modalias"))).collect()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn read_alias(file: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file).ok()?.take(MAX_ALIAS as u64).read_to_string(&mut text).ok()?;
    let alias = text.trim();
    (!alias.is_empty()).then(|| alias.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buses_and_classes_are_read_once_each() {
        let sys = tempfile::tempdir().expect("folder");
        for (device, alias) in
            [("bus/pci/devices/a", "pci:1\n"), ("bus/pci/devices/b", "pci:1\n"), ("class/dmi/id", "dmi:x\n"), ("class/net/lo", "no")]
        {
            fs::create_dir_all(sys.path().join(device)).expect("device");
            fs::write(sys.path().join(device).join("modalias"), alias).expect("alias");
        }
        fs::create_dir_all(sys.path().join("bus/usb/devices/none")).expect("device");
        assert_eq!(aliases_below(sys.path()), BTreeSet::from(["dmi:x".to_owned(), "pci:1".to_owned()]));
    }
}
