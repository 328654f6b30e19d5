use ampoule_layout::CommandLine;
use proptest::prelude::*;

use super::*;

/// A PE file with these sections, one behind the other.
fn pe(sections: &[(&[u8; 8], &[u8])]) -> Vec<u8> {
    let mut file = vec![0; 0x80];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x80;
    file.extend(b"PE\0\0\x64\x86");
    file.extend((sections.len() as u16).to_le_bytes());
    file.extend([0; 12]);
    file.extend([0, 0, 0, 0]);
    let mut at = file.len() + 40 * sections.len();
    for (name, bytes) in sections {
        let length = (bytes.len() as u32).to_le_bytes();
        file.extend(*name);
        file.extend([&length[..], &[0; 4], &length, &(at as u32).to_le_bytes(), &[0; 16]].concat());
        at += bytes.len();
    }
    sections.iter().for_each(|(_, bytes)| file.extend(*bytes));
    file
}

fn root() -> VerityTable {
    VerityTable::for_image(RootHash::from_bytes([7; 32]), 12_588)
}

fn uki(command_line: &str) -> Vec<u8> {
    pe(&[(OSREL, b"ID=ampoule\nVERSION_ID=1.2.3\n"), (CMDLINE, command_line.as_bytes()), (LINUX, b"kernel")])
}

#[test]
fn it_says_which_root_it_boots() {
    let file = uki(&format!("{}\n\0", CommandLine::new(root())));
    let uki = Uki::parse(&file).expect("an image");
    assert_eq!(
        (uki.architecture, uki.root_hash(), uki.order().as_str()),
        (Architecture::X86_64, Ok(RootHash::from_bytes([7; 32])), "1.2.3")
    );
}

#[test]
fn a_newer_command_line_still_says_its_root() {
    let file = uki(&format!("new.word=1 dm-mod.create=\"{}\" other", root()));
    assert_eq!(Uki::parse(&file).and_then(|uki| uki.root()), Ok(root()));
}

#[test]
fn two_roots_or_none_are_refused() {
    for line in
        ["root=/dev/sda", "dm-mod.create=\"", &format!("dm-mod.create=\"{0}\" dm-mod.create=\"{0}\"", root()), "dm-mod.create=\"x\""]
    {
        assert!(Uki::parse(&uki(line)).expect("an image").root().is_err(), "{line}");
    }
}

#[test]
fn what_the_stub_could_read_otherwise_is_refused() {
    let line = CommandLine::new(root()).to_string();
    let parts: [(&[u8; 8], &[u8]); 3] = [(OSREL, b"ID=a"), (CMDLINE, line.as_bytes()), (LINUX, b"kernel")];
    assert!(Uki::parse(&pe(&parts)).is_ok());
    for missing in 0..3 {
        let left: Vec<_> = parts.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, part)| *part).collect();
        assert!(matches!(Uki::parse(&pe(&left)), Err(UkiError::Section { reason: "it is missing", .. })), "{missing}");
        let twice = [&parts[..], &parts[missing..=missing]].concat();
        assert!(matches!(Uki::parse(&pe(&twice)), Err(UkiError::Section { reason: "it is there twice", .. })), "{missing}");
    }
    let zero = format!("{line}\0 lockdown=none");
    assert!(Uki::parse(&uki(&zero)).is_err());
    assert!(Uki::parse(&uki(&"x".repeat(MAX_CMDLINE + 1))).is_err());
}

proptest! {
    #[test]
    fn damage_is_survived(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut file = uki(&CommandLine::new(root()).to_string());
        let at = at.index(file.len());
        file[at] = byte;
        file.truncate(cut.index(2 * file.len()));
        if let Ok(uki) = Uki::parse(&file) {
            let _ = (uki.root(), uki.order());
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Uki::parse(&bytes);
    }
}
