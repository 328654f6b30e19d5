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

/// What a program finds out that holds no more of a file than its head and what lies at the places.
fn by_parts(file: &[u8]) -> Result<(String, String), UkiError> {
    let head = Head { bytes: &file[..file.len().min(pe::MAX_HEAD)], length: file.len() };
    let places = Places::of(head)?;
    let part = |place: &Range<usize>| file[place.clone()].to_vec();
    let (command_line, os_release) = (part(&places.command_line), part(&places.os_release));
    let uki = Uki::of(&places, &command_line, &os_release)?;
    Ok((uki.command_line.to_owned(), uki.os_release.to_owned()))
}

#[test]
fn an_image_of_any_length_is_read_by_a_bounded_part_of_it() {
    let (line, kernel) = (CommandLine::new(root()).to_string(), vec![7; 31 << 20]);
    // What is looked for lies behind the kernel, far from the head.
    let file = pe(&[(LINUX, &kernel), (OSREL, b"ID=a"), (CMDLINE, line.as_bytes())]);
    assert!(pe::MAX_HEAD < 140 * 1024 && file.len() > 31 << 20);
    assert_eq!(by_parts(&file), Ok((line, "ID=a".to_owned())));
    assert!(by_parts(&file[..file.len() - 1]).is_err(), "cut off at its end");
}

proptest! {
    #[test]
    fn a_part_says_what_the_whole_says(at: prop::sample::Index, byte: u8) {
        let mut file = uki(&CommandLine::new(root()).to_string());
        let at = at.index(file.len());
        file[at] = byte;
        let whole = Uki::parse(&file).map(|uki| (uki.command_line.to_owned(), uki.os_release.to_owned()));
        prop_assert_eq!(by_parts(&file), whole);
    }

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
