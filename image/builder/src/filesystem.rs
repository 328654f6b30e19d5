//! File systems and the hash tree, by the tools that define them, with everything fixed that would otherwise vary.

use crate::stage::Stage;
use crate::tool::Tool;
use ampoule_layout::{BLOCK_SIZE, RootHash, SALT};
use anyhow::Context;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// UUIDs of file systems. Nothing looks for them; they only must not be random.
const ROOT_UUID: &str = "616d706f-756c-4e00-8000-726f6f740000";
const VERITY_UUID: &str = "616d706f-756c-4e00-8000-766572697479";
const SEED_UUID: &str = "a9e2f6a4-3c1b-4a57-9d0e-5eed5eed5eed";
const SEED_HASH: &str = "5eed5eed-5eed-45ee-a5ee-5eed5eed5eed";

/// Time stamp of everything, in seconds since 1970: of no meaning, except that it never changes.
const TIME: &str = "1700000000";

/// The seed's blocks of 4 KiB: 80 MiB, the least that holds a journal of 32 MiB and room to begin with.
const SEED_BLOCKS: u64 = 20480;
/// Everything after this many bytes of the seed is zeros; `storage` knows the true size from the superblock.
const SEED_KEPT: u64 = 1025 * 4096;

/// In place of the host's `/etc/mke2fs.conf`, which would decide what the seed is like.
const MKE2FS: &str = "[defaults]\n[fs_types]\n ext4 = {\n }\n small = {\n }\n";

/// `quota` and `project`: what each workload takes of DATA is counted from the first file on. Old kernels need CONFIG_QUOTA to write to it.
const SEED_FEATURES: &str = "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,\
    large_file,huge_file,dir_nlink,extra_isize,metadata_csum,quota,project";
/// In percent, kept from all but one user: growing a file system keeps the share.
const SEED_RESERVE: &str = "5";

/// Makes the compressed root file system from a directory; each file has the label that `file_contexts` gives its path.
pub(crate) fn erofs(root: &Path, file_contexts: &Path, image: &Path, stage: &Stage) -> anyhow::Result<()> {
    let mut contexts = std::ffi::OsString::from("--file-contexts=");
    contexts.push(file_contexts);
    // Large clusters compress better; 256 KiB is what a read of a cold page may cost at most.
    Tool::new("mkfs.erofs")
        .args(["--quiet", "-zlz4hc,12", "-C262144", "-T0", "-U", ROOT_UUID, "--all-root"])
        .arg(contexts)
        .arg(image)
        .arg(root)
        .run(stage)
}

/// Makes the hash tree of `data`; gives its root and the number of data blocks.
pub(crate) fn verity(data: &Path, tree: &Path, stage: &Stage) -> anyhow::Result<(RootHash, u64)> {
    let blocks = std::fs::metadata(data)?.len() / BLOCK_SIZE;
    let mut root_hash = None;
    Tool::new("veritysetup")
        .args(["format", "--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096"])
        .args([format!("--salt={SALT}"), format!("--uuid={VERITY_UUID}"), format!("--data-blocks={blocks}")])
        .args([data, tree])
        .run_with(stage, |line| {
            if let Some(hash) = line.strip_prefix("Root hash:") {
                root_hash = Some(hash.trim().to_owned());
            }
        })?;
    std::fs::set_permissions(tree, std::fs::Permissions::from_mode(0o644))?;
    let root_hash = root_hash.context("veritysetup printed no root hash")?;
    Ok((root_hash.parse()?, blocks))
}

/// Makes the empty ext4 file system that STATE and DATA start from, in the directory `work`.
pub(crate) fn seed(image: &Path, work: &Path, stage: &Stage) -> anyhow::Result<()> {
    let configuration = work.join("mke2fs.conf");
    std::fs::write(&configuration, MKE2FS)?;
    let file = std::fs::File::create(image)?;
    file.set_len(SEED_BLOCKS * BLOCK_SIZE)?;
    let extended = format!(
        "hash_seed={SEED_HASH},resize=536870912,lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0,quotatype=prjquota"
    );
    Tool::new("mkfs.ext4")
        .env("MKE2FS_CONFIG", &configuration)
        .env("E2FSPROGS_FAKE_TIME", TIME)
        .env("SOURCE_DATE_EPOCH", TIME)
        .args(["-F", "-q", "-b", "4096", "-I", "256", "-N", "8192", "-G", "64", "-m", SEED_RESERVE, "-e", "remount-ro"])
        .args(["-O", SEED_FEATURES, "-J", "size=32,location=1024", "-U", SEED_UUID, "-E", &extended])
        .arg(image)
        .arg(SEED_BLOCKS.to_string())
        .run(stage)?;
    ensure_zeros_after(image, SEED_KEPT)?;
    Ok(file.set_len(SEED_KEPT)?)
}

fn ensure_zeros_after(image: &Path, kept: u64) -> anyhow::Result<()> {
    let bytes = std::fs::read(image)?;
    let tail = bytes.get(usize::try_from(kept)?..).unwrap_or_default();
    anyhow::ensure!(tail.iter().all(|b| *b == 0), "this mkfs.ext4 writes beyond the part of the seed that is kept: use e2fsprogs 1.47");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::progress::Silent;
    use crate::stage::Made;
    use sha2::{Digest, Sha256};
    use std::collections::BTreeSet;

    /// Text that compresses to about a half, another one for each seed.
    fn contents(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut word = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..length.div_ceil(8)).flat_map(|_| format!("{:08x}", word() as u32).into_bytes()).take(length).collect()
    }

    /// Fifty files in three directories, the one at `changed` with other contents and `more` bytes longer.
    fn image(work: &Path, changed: Option<usize>, more: usize) -> Vec<[u8; 32]> {
        let tree = work.join("tree");
        for number in 0..50 {
            let seed = if changed == Some(number) { 1000 } else { number };
            let length = 20_000 + number * 7919 + if changed == Some(number) { more } else { 0 };
            crate::root::place(&tree, &format!("usr/{}/file{number}", number % 3), &contents(seed as u64, length)).expect("placed");
        }
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (cache, image) = (Cache::open(&work.join("cache")).expect("a cache"), work.join("image"));
        let make = |stage: &Stage| erofs(&tree, &crate::selinux::file_contexts(&repo), &image, stage).map(Made::now);
        Stage::run(&Silent, &cache, "root", "", make).expect("made");
        std::fs::read(image).expect("read").chunks(4096).map(|block| Sha256::digest(block).into()).collect()
    }

    /// Storage looks for these in the superblock, and growing keeps the share of the reserve (Documentation/filesystems/ext4, "Super Block").
    #[test]
    fn the_seed_counts_what_projects_take_and_has_a_reserve() {
        let dir = tempfile::tempdir().expect("a directory");
        let (cache, image) = (Cache::open(&dir.path().join("cache")).expect("a cache"), dir.path().join("seed"));
        Stage::run(&Silent, &cache, "seed", "", |stage: &Stage| seed(&image, dir.path(), stage).map(Made::now)).expect("made");
        let bytes = std::fs::read(&image).expect("read");
        let at = |offset: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[1024 + offset + i]));
        assert_eq!(bytes.len() as u64, SEED_KEPT);
        // `quota` and `project`, and the inode of projects' quotas, without those of users and groups.
        assert_eq!((at(100) & 0x2100, at(620) != 0, at(576), at(580)), (0x2100, true, 0, 0));
        assert_eq!(u64::from(at(8)) * 100 / u64::from(at(4)), 5, "a reserve in whole percent");
    }

    /// What an update counts on: a node fetches the blocks that it does not have. If files shared blocks, or their order depended on
    /// their contents, a change of one would reach into others.
    #[test]
    fn a_changed_file_changes_its_own_blocks_and_a_few_of_the_file_systems() {
        let place = |name: &str, changed, more| {
            let dir = tempfile::Builder::new().prefix(name).tempdir().expect("a directory");
            image(dir.path(), changed, more)
        };
        let before: BTreeSet<_> = place("before", None, 0).into_iter().collect();
        for (changed, more) in [(10, 0), (10, 1), (10, 30_000), (0, 9000), (49, 9000)] {
            let after = place("after", Some(changed), more);
            let missing = after.iter().filter(|block| !before.contains(*block)).count();
            let own = (20_000 + changed * 7919 + more).div_ceil(4096);
            // The superblock, and inodes and directories, whose numbers say where they lie: at most what three directories of this size take.
            assert!(missing <= own + 12, "file {changed} with {more} bytes more: {missing} blocks for a file of at most {own}");
        }
    }
}
