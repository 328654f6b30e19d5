use proptest::prelude::*;

use super::*;

const PE: usize = 0x40;
const OPTIONAL: usize = PE + 24;
const SECTIONS: usize = OPTIONAL + 240;
const HEADERS: usize = 512;

/// An EFI application with one section.
fn program() -> Vec<u8> {
    let mut file = vec![0; HEADERS + 512];
    let fields: [(usize, usize, &[u8]); 3] = [(0, 2, b"MZ"), (PE, 4, b"PE\0\0"), (SECTIONS, 5, b".text")];
    fields.iter().for_each(|(at, length, bytes)| file[*at..at + length].copy_from_slice(bytes));
    let numbers = [
        (0x3c, PE, 4),
        (PE + 4, 0x8664, 2),
        (PE + 6, 1, 2),
        (PE + 20, 240, 2),
        (OPTIONAL, 0x20b, 2),
        (OPTIONAL + 16, 0x1000, 4),
        (OPTIONAL + 56, 0x2000, 4),
        (OPTIONAL + 60, HEADERS, 4),
        (OPTIONAL + 68, 10, 2),
        (OPTIONAL + 108, 16, 4),
        (SECTIONS + 8, 400, 4),
        (SECTIONS + 12, 0x1000, 4),
        (SECTIONS + 16, 512, 4),
        (SECTIONS + 20, HEADERS, 4),
    ];
    numbers.iter().for_each(|(at, number, length)| put(&mut file, *at, *number, *length));
    file
}

fn put(file: &mut [u8], at: usize, number: usize, length: usize) {
    file[at..at + length].copy_from_slice(&number.to_le_bytes()[..length]);
}

#[test]
fn each_thing_that_firmware_looks_at_is_looked_at() {
    assert_eq!(check(&program()[..]), Ok(()));
    for (at, number, length, reason) in [
        (0, 0, 2, "MZ"),
        (0x3c, 0x3000, 4, "signature"),
        (PE, 0, 4, "signature"),
        (PE + 4, 0x14c, 2, "another machine"),
        (PE + 6, 0, 2, "table of sections"),
        (PE + 6, 97, 2, "table of sections"),
        (PE + 20, 232, 2, "directories"),
        (OPTIONAL, 0x10b, 2, "another kind"),
        (OPTIONAL + 16, 0, 4, "begins outside"),
        (OPTIONAL + 16, 0x1190, 4, "begins outside"),
        (OPTIONAL + 56, 400, 4, "another size"),
        (OPTIONAL + 56, 0x1000, 4, "outside of the image"),
        (OPTIONAL + 60, 300, 4, "another size"),
        (OPTIONAL + 60, 2000, 4, "another size"),
        (OPTIONAL + 68, 3, 2, "no EFI application"),
        (OPTIONAL + 108, 17, 4, "directories"),
        (SECTIONS + 16, 1024, 4, "outside of the file"),
        (SECTIONS + 20, 0, 4, "outside of the file"),
        (SECTIONS + 20, 0xffff_ffff, 4, "outside of the file"),
        (SECTIONS + 12, 0xffff_ffff, 4, "outside of the image"),
    ] {
        let mut file = program();
        put(&mut file, at, number, length);
        let refused = check(&file[..]).expect_err(reason);
        assert!(refused.0.contains(reason), "{at}: {refused}");
    }
}

#[test]
fn one_for_another_architecture_of_ours_is_refused() {
    let mut file = program();
    assert_eq!(check_for(&file[..], "x86_64"), Ok(()));
    put(&mut file, PE + 4, 0xaa64, 2);
    assert_eq!(check_for(&file[..], "aarch64"), Ok(()));
    for (bytes, reason) in [(&file[..], "it is for another machine"), (b"loader", "it does not begin with MZ")] {
        assert_eq!(check_for(bytes, "x86_64"), Err(NotAProgram(reason)));
    }
    put(&mut file, OPTIONAL + 68, 3, 2);
    assert!(check_for(&file[..], "aarch64").is_err(), "all else is looked at, too");
}

#[test]
fn one_that_is_cut_off_is_refused_wherever() {
    let whole = program();
    for length in 0..whole.len() {
        assert!(check(&whole[..length]).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(changes in prop::collection::vec((0usize..1024, any::<u8>()), 0..40)) {
        let mut file = program();
        changes.iter().for_each(|(at, byte)| file[*at] = *byte);
        let _ = check(&file[..]);
    }
}
