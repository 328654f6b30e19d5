//! The next release of an image, and who offers it.
//!
//! It is made from the image by changing a few bytes in place: quick, and nearly all blocks stay as they are, as in a release that mends one thing.

use std::fs;
use std::path::{Path, PathBuf};

use ampoule_layout::VerityTable;
use ampoule_machine::HOST_SEEN_FROM_GUEST;
use ampoule_publish::{Image, KeyFolder, Lifetimes, Publish, Repository, now, publish};
use ampoule_update::Waves;
use ampoule_update::uki::Uki;
pub(crate) use ampoule_update_attacks::Behaviour;
use ampoule_update_attacks::{Server, hash_tree};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// Signs what images of the variant `test` trust.
const KEYS: &str = "../fixtures/update-keys";

/// What differs in a release beside its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Its settings have another form: what was the name of the node is the message of the day (`image/packages/probe/config.toml`).
    Settings,
    /// Its kernel finds no `init`, and panics.
    NoInit,
    /// In the place of its `init` something starts that opens the watchdog and hangs.
    InitHangs,
    /// Its API server cannot be started.
    NoApi,
    /// Its kernel cannot be unpacked.
    BrokenKernel,
}

/// How its service file starts the API server, and what follows: there is room for more words.
const COMMAND_OF_APID: &str = "command = [\"/usr/bin/apid\"]\n# clock: the API checks certificates, which no clock that is years off can.";
/// What a release says of its settings.
pub(crate) const MOVED: &str = "network.hostname is motd";

impl Change {
    /// What stands there in its place, of the same length.
    fn command_of_apid(self) -> Option<String> {
        let command = match self {
            Self::Settings => "command = [\"/usr/bin/apid\", \"--steps\", \"/usr/share/probe/config.toml\"]",
            Self::NoApi => "command = [\"/usr/bin/none\"]",
            _ => return None,
        };
        Some(format!("{command:<width$}", width = COMMAND_OF_APID.len()))
    }
}

/// An image of the next version, in a folder like the builder's. Its boot loader is another one, too, if only by its length.
pub(crate) struct Release {
    pub(crate) version: String,
    /// Bytes of its root file system.
    pub(crate) root_bytes: u64,
    image: PathBuf,
}

impl Release {
    /// Makes the release after the image in `old`, in the new folder `image`.
    pub(crate) fn after(old: &Path, image: &Path, change: Change) -> Result<Self> {
        fs::create_dir_all(image)?;
        let mut manifest: Value = serde_json::from_slice(&fs::read(old.join("manifest.json"))?)?;
        let before = manifest["version"].as_str().context("an image without a version")?.to_owned();
        let version = next(&before)?;
        let mut root = fs::read(old.join("root.erofs"))?;
        rename(&mut root, &before, &version).context("os-release in the root")?;
        if let Some(command) = change.command_of_apid() {
            replace(&mut root, COMMAND_OF_APID, &command).context("the service file of apid")?;
        }
        let (tree, root_hash) = hash_tree(&root);
        let mut kernel = fs::read(old.join("ampoule.efi"))?;
        let table = Uki::parse(&kernel)?.root()?;
        let new_table = VerityTable::for_image(root_hash, table.blocks);
        rename(&mut kernel, &before, &version).context("os-release in the kernel image")?;
        replace(&mut kernel, &table.to_string(), &new_table.to_string()).context("the verified root in the kernel image")?;
        spoil(&mut kernel, change)?;
        manifest["version"] = json!(version);
        manifest["root-hash"] = json!(root_hash.to_string());
        if change == Change::Settings {
            manifest["migrations"] = json!([{ "from": before, "to": version, "changes": [MOVED] }]);
        }
        for (name, bytes) in [("root.erofs", &root), ("root.verity", &tree), ("ampoule.efi", &kernel)] {
            fs::write(image.join(name), bytes)?;
        }
        // Zeros behind its sections, which nothing reads.
        let loader = [fs::read(old.join("loader.efi"))?, vec![0; 512]].concat();
        fs::write(image.join("loader.efi"), loader)?;
        fs::write(image.join("manifest.json"), manifest.to_string())?;
        Ok(Self { version, root_bytes: root.len() as u64, image: image.to_owned() })
    }

    /// Its folder.
    pub(crate) fn image(&self) -> &Path {
        &self.image
    }

    /// Publishes it in the folder `repository`, for all nodes at once.
    pub(crate) fn publish(&self, repository: &Path) -> Result<()> {
        fs::create_dir_all(repository)?;
        let keys = KeyFolder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(KEYS))?;
        let images = [Image::open(&self.image)?];
        let (waves, lifetimes) = (Waves::default(), Lifetimes::default());
        publish(
            &Repository::new(repository),
            &keys,
            &Publish { images: &images, waves, max_version: None, remove: &[], lifetimes, now: now() },
        )?;
        Ok(())
    }
}

/// A repository on a server, as a node sees it.
pub(crate) struct UpdateServer(Server);

impl UpdateServer {
    pub(crate) fn start(repository: &Path, behaviour: Behaviour) -> Result<Self> {
        Ok(Self(Server::start(repository, behaviour)?))
    }

    /// Settings (TOML without the outer `settings`) of a node that takes updates from here.
    pub(crate) fn settings(&self) -> String {
        format!(
            "[updates]\nmetadata-base-url = \"{}\"\ntargets-base-url = \"{}\"\nignore-waves = true\nhealth-timeout = \"3m\"\n",
            self.address("metadata"),
            self.targets()
        )
    }

    /// Where its files are.
    pub(crate) fn targets(&self) -> String {
        self.address("targets")
    }

    /// Bytes that it sent.
    pub(crate) fn sent(&self) -> u64 {
        self.0.sent()
    }

    fn address(&self, folder: &str) -> String {
        format!("http://{HOST_SEEN_FROM_GUEST}:{}/{folder}/", self.0.port())
    }
}

/// Spoils the kernel image, after all that is verified about it was written.
fn spoil(kernel: &mut [u8], change: Change) -> Result<()> {
    match change {
        Change::None | Change::Settings | Change::NoApi => Ok(()),
        Change::InitHangs => replace(kernel, "init=/usr/bin/init", "init=/usr/bin/hang"),
        Change::NoInit => replace(kernel, "init=/usr/bin/init", "init=/usr/bin/none"),
        Change::BrokenKernel => {
            // In the middle of the compressed kernel, which is most of the file.
            let middle = kernel.len() / 2;
            kernel[middle..middle + (64 << 10)].fill(0);
            Ok(())
        }
    }
}

/// A version that is as long as the one before.
fn next(version: &str) -> Result<String> {
    let mut text = version.to_owned();
    let last = text.pop().and_then(|digit| digit.to_digit(10)).filter(|digit| *digit < 9);
    Ok(format!("{text}{}", last.with_context(|| format!("the version after {version} is longer"))? + 1))
}

/// Gives the one os-release in `bytes` another version.
fn rename(bytes: &mut [u8], old: &str, new: &str) -> Result<()> {
    let (start, end) = ("NAME=Ampoule\nID=ampoule\nVERSION=", "PRETTY_NAME=");
    let from = only_place(bytes, start)?;
    let length = find(&bytes[from..], end).context("an os-release that ends early")? + end.len() + 64;
    let to = (from + length).min(bytes.len());
    let mut count = 0;
    while let Some(at) = find(&bytes[from..to], old) {
        bytes[from + at..from + at + new.len()].copy_from_slice(new.as_bytes());
        count += 1;
    }
    ensure!(count == 3, "{old} stands in it {count} times");
    Ok(())
}

/// Puts `new` in the only place where `old` is; both are of one length.
pub(crate) fn replace(bytes: &mut [u8], old: &str, new: &str) -> Result<()> {
    ensure!(old.len() == new.len(), "{new:?} is not as long as {old:?}");
    let at = only_place(bytes, old)?;
    bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
    Ok(())
}

fn only_place(bytes: &[u8], text: &str) -> Result<usize> {
    let at = find(bytes, text).with_context(|| format!("{text:?} is not there"))?;
    ensure!(find(&bytes[at + 1..], text).is_none(), "{text:?} is there more than once");
    Ok(at)
}

fn find(bytes: &[u8], text: &str) -> Option<usize> {
    let text = text.as_bytes();
    // Most windows differ in their first byte: a search without it takes seconds for an image.
    let firsts = bytes.iter().enumerate().filter(|(_, byte)| **byte == text[0]);
    firsts.map(|(at, _)| at).find(|at| bytes[*at..].starts_with(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_keep_their_length() {
        assert_eq!(next("0.1.0").expect("a version"), "0.1.1");
        assert!(next("0.1.9").is_err() && next("").is_err() && next("1.0.0-rc").is_err());
    }

    #[test]
    fn what_is_replaced_must_be_there_once() {
        let mut bytes = b"a b a".to_vec();
        assert!(
            replace(&mut bytes, "a", "c").is_err() && replace(&mut bytes, "x", "y").is_err() && replace(&mut bytes, "b", "bb").is_err()
        );
        replace(&mut bytes, "b", "c").expect("once");
        assert_eq!(bytes, b"a c a");
    }

    #[test]
    fn each_version_of_an_os_release_is_changed_and_none_behind_it() {
        let text = |v: &str| format!("NAME=Ampoule\nID=ampoule\nVERSION=\"{v} (t)\"\nVERSION_ID={v}\nPRETTY_NAME=\"Ampoule {v} (t)\"\n");
        let behind = format!("{}0.1.0", "\0".repeat(100));
        let mut bytes = format!("0.1.0{}{behind}", text("0.1.0")).into_bytes();
        rename(&mut bytes, "0.1.0", "0.1.1").expect("an os-release");
        assert_eq!(String::from_utf8_lossy(&bytes), format!("0.1.0{}{behind}", text("0.1.1")));
    }
}
