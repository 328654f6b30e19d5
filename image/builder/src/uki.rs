//! The unified kernel image: systemd's stub with the kernel, its command line and os-release as sections of a PE file
//! (UAPI.5 Unified Kernel Image; PE/COFF specification, sections 3 and 4).

use anyhow::{Context, ensure};

/// A section to add.
pub(crate) struct Section<'a> {
    /// At most eight characters.
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// Offsets in the COFF header and the optional header of PE32+.
mod at {
    pub(super) const PE_OFFSET: usize = 0x3c;
    pub(super) const SECTIONS: usize = 6;
    pub(super) const TIME: usize = 8;
    pub(super) const OPTIONAL_SIZE: usize = 20;
    pub(super) const OPTIONAL: usize = 24;
    pub(super) const SECTION_ALIGNMENT: usize = OPTIONAL + 32;
    pub(super) const FILE_ALIGNMENT: usize = OPTIONAL + 36;
    pub(super) const IMAGE_SIZE: usize = OPTIONAL + 56;
    pub(super) const HEADERS_SIZE: usize = OPTIONAL + 60;
    pub(super) const CHECKSUM: usize = OPTIONAL + 64;
}

const HEADER: usize = 40;
/// Initialised data, readable.
const DATA: u32 = 0x4000_0040;
const PE32_PLUS: u16 = 0x20b;

/// Adds sections to the stub. The same inputs give the same bytes.
pub(crate) fn join(stub: &[u8], sections: &[Section]) -> anyhow::Result<Vec<u8>> {
    let mut file = stub.to_vec();
    let pe = usize::try_from(u32_at(&file, at::PE_OFFSET)?)?;
    ensure!(file.get(pe..pe + 4) == Some(b"PE\0\0"), "the boot stub is not a PE file");
    ensure!(u16_at(&file, pe + at::OPTIONAL)? == PE32_PLUS, "the boot stub is not a 64-bit PE file");
    for section in sections {
        add(&mut file, pe, section).with_context(|| format!("cannot add the section {}", section.name))?;
    }
    put(&mut file, pe + at::TIME, 0)?;
    put(&mut file, pe + at::CHECKSUM, 0)?;
    Ok(file)
}

fn add(file: &mut Vec<u8>, pe: usize, section: &Section) -> anyhow::Result<()> {
    let count = u16_at(file, pe + at::SECTIONS)?;
    let headers = pe + at::OPTIONAL + usize::from(u16_at(file, pe + at::OPTIONAL_SIZE)?);
    let header = headers + usize::from(count) * HEADER;
    ensure!(header + HEADER <= usize::try_from(u32_at(file, pe + at::HEADERS_SIZE)?)?, "the stub has no room for another section header");
    let place = next_place(file, pe)?;
    let alignment = usize::try_from(u32_at(file, pe + at::FILE_ALIGNMENT)?)?.max(1);
    file.resize(file.len().next_multiple_of(alignment), 0);
    let offset = u32::try_from(file.len())?;
    file.extend_from_slice(section.bytes);
    file.resize(file.len().next_multiple_of(alignment), 0);
    let raw = u32::try_from(file.len())? - offset;
    let size = u32::try_from(section.bytes.len())?;
    let fields = [size, place, raw, offset, 0, 0, 0, DATA];
    let target = file.get_mut(header..header + HEADER).context("the header lies outside the file")?;
    target[..8].copy_from_slice(&padded(section.name)?);
    for (slot, value) in target[8..].chunks_exact_mut(4).zip(fields) {
        slot.copy_from_slice(&value.to_le_bytes());
    }
    file[pe + at::SECTIONS..pe + at::SECTIONS + 2].copy_from_slice(&(count + 1).to_le_bytes());
    let end = place.checked_add(size).context("the image is larger than a PE file can be")?;
    let page = u32_at(file, pe + at::SECTION_ALIGNMENT)?.max(1);
    put(file, pe + at::IMAGE_SIZE, end.next_multiple_of(page))
}

/// Address after the image as it is now: sections are in ascending order, as the specification demands.
fn next_place(file: &[u8], pe: usize) -> anyhow::Result<u32> {
    let page = u32_at(file, pe + at::SECTION_ALIGNMENT)?.max(1);
    Ok(u32_at(file, pe + at::IMAGE_SIZE)?.next_multiple_of(page))
}

fn padded(name: &str) -> anyhow::Result<[u8; 8]> {
    ensure!(name.len() <= 8, "a section name has at most eight characters");
    let mut bytes = [0; 8];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    Ok(bytes)
}

fn u16_at(file: &[u8], at: usize) -> anyhow::Result<u16> {
    let bytes = file.get(at..at + 2).context("the PE headers end too early")?;
    Ok(u16::from_le_bytes(bytes.try_into()?))
}

fn u32_at(file: &[u8], at: usize) -> anyhow::Result<u32> {
    let bytes = file.get(at..at + 4).context("the PE headers end too early")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}

fn put(file: &mut [u8], at: usize, value: u32) -> anyhow::Result<()> {
    let bytes = file.get_mut(at..at + 4).context("the PE headers end too early")?;
    bytes.copy_from_slice(&value.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The smallest file that has the fields this module reads: no sections, room for four.
    fn stub() -> Vec<u8> {
        let mut file = vec![0; 0x400];
        put(&mut file, at::PE_OFFSET, 0x80).expect("inside");
        file[0x80..0x84].copy_from_slice(b"PE\0\0");
        file[0x80 + at::OPTIONAL_SIZE] = 112;
        file[0x80 + at::OPTIONAL..0x80 + at::OPTIONAL + 2].copy_from_slice(&PE32_PLUS.to_le_bytes());
        for (at, value) in
            [(at::SECTION_ALIGNMENT, 0x1000), (at::FILE_ALIGNMENT, 0x200), (at::IMAGE_SIZE, 0x1000), (at::HEADERS_SIZE, 0x1b0)]
        {
            put(&mut file, 0x80 + at, value).expect("inside");
        }
        file
    }

    #[test]
    fn sections_follow_each_other_in_memory_and_file() {
        let sections = [Section { name: ".a", bytes: &[1; 0x1001] }, Section { name: ".linux", bytes: &[2; 3] }];
        let file = join(&stub(), &sections).expect("joined");
        let header = 0x80 + at::OPTIONAL + 112;
        let field = |section: usize, field: usize| u32_at(&file, header + section * HEADER + 8 + 4 * field).expect("inside");
        assert_eq!((field(0, 0), field(0, 1), field(0, 2), field(0, 3)), (0x1001, 0x1000, 0x1200, 0x400));
        assert_eq!((field(1, 0), field(1, 1), field(1, 2), field(1, 3)), (3, 0x3000, 0x200, 0x1600));
        assert_eq!(u32_at(&file, 0x80 + at::IMAGE_SIZE).expect("inside"), 0x4000);
        assert_eq!(&file[0x1600..0x1603], &[2; 3]);
    }

    #[test]
    fn no_room_is_an_error() {
        let one = || Section { name: ".x", bytes: b"x" };
        assert!(join(&stub(), &[one(), one(), one(), one(), one(), one()]).is_err());
    }

    proptest! {
        #[test]
        fn any_stub_is_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..600), valid: bool) {
            if valid {
                let good = stub();
                let n = bytes.len().min(good.len()).min(0x98);
                bytes[..n].copy_from_slice(&good[..n]);
            }
            let _ = join(&bytes, &[Section { name: ".x", bytes: b"x" }]);
        }
    }
}
