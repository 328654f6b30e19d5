//! Discs and volumes that carry user data, made as a person would make them.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use super::{base64, debian::run};

/// Bytes of a small volume.
const SIZE: u64 = 4 * 1024 * 1024;

/// The OVF environment that hands over this user data.
pub(crate) fn ovf_environment(user_data: &str) -> String {
    let value = base64(user_data.as_bytes());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Environment xmlns=\"http://schemas.dmtf.org/ovf/environment/1\" \
         xmlns:oe=\"http://schemas.dmtf.org/ovf/environment/1\" oe:id=\"\">\n  <PropertySection>\n    \
         <Property oe:key=\"user-data\" oe:value=\"{value}\"/>\n  </PropertySection>\n</Environment>\n"
    )
}

/// A disc with one file, with the long names that both Windows and Linux read; QEMU's words for it in an optical drive.
pub(crate) fn disc(folder: &Path, label: &str, name: &str, text: &str) -> Result<Vec<String>> {
    let content = folder.join("disc");
    fs::create_dir_all(&content)?;
    fs::write(content.join(name), text)?;
    let image = folder.join("disc.iso");
    let mut command = Command::new("xorrisofs");
    command.args(["-quiet", "-J", "-r", "-V", label, "-o"]).arg(&image).arg(&content);
    run(command, folder)?;
    let drive = format!("if=none,id=disc,media=cdrom,readonly=on,format=raw,file={}", image.display());
    Ok(["-drive", &drive, "-device", "ich9-ahci,id=sata", "-device", "ide-cd,drive=disc,bus=sata.0"].map(str::to_owned).to_vec())
}

/// A FAT volume with one file; QEMU's words for it as a disk.
pub(crate) fn fat(folder: &Path, label: &str, name: &str, text: &str) -> Result<Vec<String>> {
    let image = blank(folder, "fat.img")?;
    let file = folder.join("content");
    fs::write(&file, text)?;
    let mut format = Command::new("mkfs.vfat");
    format.args(["-n", label]).arg(&image);
    run(format, folder)?;
    let mut copy = Command::new("mcopy");
    copy.arg("-i").arg(&image).arg(&file).arg(format!("::{name}"));
    run(copy, folder)?;
    Ok(as_disk(&image))
}

/// An ext4 volume whose superblock asks the kernel to panic at an error, and whose root folder is rubbish.
pub(crate) fn broken_ext4(folder: &Path, label: &str) -> Result<Vec<String>> {
    let image = blank(folder, "ext4.img")?;
    let mut format = Command::new("mkfs.ext4");
    format.args(["-q", "-b", "1024", "-O", "^metadata_csum,^has_journal", "-L", label]).arg(&image);
    run(format, folder)?;
    let mut tune = Command::new("tune2fs");
    tune.args(["-e", "panic"]).arg(&image);
    run(tune, folder)?;
    let mut debug = Command::new("debugfs");
    debug.args(["-w", "-R", "set_inode_field <2> block[0] 99999999"]).arg(&image);
    run(debug, folder)?;
    Ok(as_disk(&image))
}

fn blank(folder: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    let mut file = File::create(&path)?;
    file.seek(SeekFrom::Start(SIZE - 1))?;
    file.write_all(&[0])?;
    ensure!(file.metadata()?.len() == SIZE, "a short file");
    Ok(path)
}

fn as_disk(image: &Path) -> Vec<String> {
    let drive = format!("if=none,id=config,format=raw,file={}", image.display());
    ["-drive", &drive, "-device", "virtio-blk-pci,drive=config"].map(str::to_owned).to_vec()
}
