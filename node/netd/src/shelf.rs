//! Where links' tasks leave what they know for their next life: below `/run` what ends with the boot whose clock it uses, on STATE the address alone.

use ampoule_files::{read, replace};
use ampoule_netmodel::saved::{MAX_BYTES, Remembered, Saved};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// Two folders with a file for each link.
#[derive(Clone)]
pub(crate) struct Shelf {
    boot: PathBuf,
    disk: PathBuf,
}

impl Shelf {
    /// `boot`: for as long as the machine runs; `disk`: for longer. That one may be missing.
    pub(crate) fn new(boot: impl Into<PathBuf>, disk: impl Into<PathBuf>) -> Self {
        Self { boot: boot.into(), disk: disk.into() }
    }

    /// The address that a link had in an earlier boot.
    pub(crate) fn remembered(&self, link: &str, mac: [u8; 6]) -> Option<Ipv4Addr> {
        Remembered::parse(&read(&self.file(link), MAX_BYTES as u64).ok()??, mac)
    }

    /// Remembers it for the next boot. Not synced: a server gives the same address anyway, most often, and this comes with each new lease.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn remember(&self, link: &str, mac: [u8; 6], address: Ipv4Addr) -> io::Result<()> {
        if self.remembered(link, mac) == Some(address) {
            return Ok(());
        }
        replace(&self.file(link), &Remembered { mac, address }.render(), 0o644)
    }

    fn file(&self, link: &str) -> PathBuf {
        self.disk.join(format!("{link}.json"))
    }

    /// What is there for a link; nothing if it is damaged, which is logged.
    pub(crate) fn load(&self, link: &str, mac: [u8; 6], now: u64) -> Saved {
        let fresh = Saved { mac, ..Saved::default() };
        match read(&self.path(link), MAX_BYTES as u64) {
            Ok(None) => fresh,
            Ok(Some(bytes)) => Saved::parse(&bytes, mac, now).unwrap_or_else(|| {
                log::warn!("{} is thrown away: it is damaged or of another link; {link} starts anew", self.path(link).display());
                self.clear(link);
                fresh
            }),
            Err(error) => {
                log::warn!("Cannot read {}: {error}; {link} starts anew", self.path(link).display());
                fresh
            }
        }
    }

    /// Replaces what is there for a link.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn store(&self, link: &str, saved: &Saved) -> io::Result<()> {
        replace(&self.path(link), &saved.render(), 0o644)
    }

    /// A link is gone, and what it knew with it.
    pub(crate) fn clear(&self, link: &str) {
        // Nothing there is what was wanted; and what stays is checked before it is used.
        let _ = std::fs::remove_file(self.path(link));
    }

    fn path(&self, link: &str) -> PathBuf {
        self.boot.join(format!("{link}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ampoule_netmodel::learned::Learned;
    use ampoule_netmodel::ndisc::{Announcement, Content};

    #[test]
    fn what_is_stored_comes_back_and_damage_does_not() {
        let place = tempfile::tempdir().expect("a folder");
        let (shelf, mac) = (Shelf::new(place.path(), place.path().join("disk")), [2, 0, 0, 0, 0, 1]);
        let mut learned = Learned::default();
        learned.take(0, &Announcement { link: 2, lifetime: 60, content: Content::Domains(vec!["lan".into()]) });
        let saved = Saved { mac, held: None, learned };
        shelf.store("eth0.5", &saved).expect("stored");
        shelf.store("eth0.7", &Saved::default()).expect("stored");
        assert_eq!(shelf.load("eth0.5", mac, 1), saved);
        let nothing = Saved { mac, ..Saved::default() };
        std::fs::write(place.path().join("eth0.5.json"), b"{\"mac\"").expect("written");
        assert_eq!(shelf.load("eth0.5", mac, 1), nothing);
        assert!(!place.path().join("eth0.5.json").exists(), "damage is told once");
        shelf.store("eth0.5", &saved).expect("stored");
        shelf.clear("eth0.5");
        assert_eq!(shelf.load("eth0.5", mac, 1), nothing);
        assert!(place.path().join("eth0.7.json").exists());
    }
}
