//! Publishing, signing anew, replacing keys, and what the check says of it.

use std::fs;
use std::path::{Path, PathBuf};

use ampoule_migrate::Migration;
use ampoule_publish::{
    Check, Image, KeyFolder, Level, Lifetimes, NewKeys, Parts, Publish, Report, Repository, Rotation, Source, check, find_policy, now,
    publish, refresh, rotate,
};
use ampoule_update::{Manifest, Timestamp, Waves};
use ampoule_update_attacks::{Tiny, tiny_image};

const DAY: i64 = 86_400;

struct Publisher {
    dir: tempfile::TempDir,
    keys: KeyFolder,
}

impl Publisher {
    fn new(root_keys: u32, root_threshold: u32) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let new = NewKeys { root_keys, root_threshold, expires: now().plus(300 * DAY) };
        let keys = KeyFolder::create(&dir.path().join("keys"), &new).expect("keys");
        fs::create_dir(dir.path().join("repo")).expect("made");
        Self { dir, keys }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn repo(&self) -> Repository {
        Repository::new(&self.path("repo"))
    }

    fn image(&self, version: &str, blocks: &[u8]) -> Image {
        let dir = self.path(&format!("image-{version}-{}", blocks.len()));
        tiny_image(&dir, &Tiny { version, blocks, kernel: &[5; 9000], loader: b"loader" }).expect("an image");
        Image::open(&dir).expect("an image that is whole")
    }

    fn request<'a>(&self, images: &'a [Image]) -> Publish<'a> {
        Publish { images, waves: Waves::default(), max_version: None, remove: &[], lifetimes: Lifetimes::default(), now: now() }
    }

    fn publish(&self, version: &str) -> Manifest {
        let images = [self.image(version, &[1, 2, 3])];
        publish(&self.repo(), &self.keys, &self.request(&images)).expect("published").manifest
    }

    fn check(&self, expect: Option<&Manifest>, warn_days: i64, seen: Option<&Path>) -> Report {
        let root = fs::read(self.keys.dir().join("1.root.json")).expect("a root");
        let source = Source::new(&self.path("repo").to_string_lossy()).expect("a repository");
        check(&Check { source: &source, root: &root, seen, expect, warn_days, now: now() }).expect("checked")
    }

    fn rotation(&self, replace: &[&str], expires: Timestamp) -> Rotation {
        let replace = replace.iter().map(|role| (*role).to_owned()).collect();
        Rotation { replace, root_keys: None, given: vec![], expires, lifetimes: Lifetimes::default(), now: now() }
    }
}

fn versions(manifest: &Manifest) -> Vec<String> {
    manifest.updates.iter().map(|update| format!("{}≤{}", update.version, update.max_version)).collect()
}

#[test]
fn versions_add_up_and_only_the_named_one_goes() {
    let publisher = Publisher::new(1, 1);
    publisher.publish("1.0.0");
    assert_eq!(versions(&publisher.publish("1.1.0")), ["1.0.0≤1.1.0", "1.1.0≤1.1.0"]);
    let files = || fs::read_dir(publisher.repo().targets()).expect("a folder").count();
    let before = files();
    let gone = ["1.0.0".parse().expect("a version")];
    let limit = Some("1.1.0".parse().expect("a version"));
    let request = Publish { remove: &gone, max_version: limit, ..publisher.request(&[]) };
    let published = publish(&publisher.repo(), &publisher.keys, &request).expect("published");
    assert_eq!((versions(&published.manifest), published.version), (vec!["1.1.0≤1.1.0".to_owned()], 3));
    assert!(files() < before, "the files of the version that went are removed");
    assert!(publish(&publisher.repo(), &publisher.keys, &request).is_err(), "it is not there any more");
    assert!(publisher.check(Some(&published.manifest), 1, None).findings.is_empty());
}

#[test]
fn what_versions_do_to_settings_is_in_the_manifest_and_never_changes() {
    let publisher = Publisher::new(1, 1);
    let migration = |from: &str, to: &str, change: &str| Migration {
        from: from.parse().expect("a version"),
        to: to.parse().expect("a version"),
        changes: vec![change.to_owned()],
    };
    let steps = [migration("1.0.0", "1.1.0", "add settings.a"), migration("1.1.0", "1.2.0", "remove settings.b")];
    let image = |version: &str, known: &[Migration]| Image { migrations: known.to_vec(), ..publisher.image(version, &[1, 2, 3]) };
    let put = |image: Image| publish(&publisher.repo(), &publisher.keys, &publisher.request(&[image]));
    put(image("1.1.0", &steps[..1])).expect("published");
    let manifest = put(image("1.2.0", &steps)).expect("published").manifest;
    let table: Vec<_> = manifest.migrations.iter().map(|(key, changes)| (key.as_str(), changes[0].as_str())).collect();
    assert_eq!(table, [("(1.0.0, 1.1.0)", "add settings.a"), ("(1.1.0, 1.2.0)", "remove settings.b")]);
    assert!(publisher.check(Some(&manifest), 1, None).findings.is_empty(), "they are no targets that would be missing");
    let other = put(image("1.3.0", &[migration("1.0.0", "1.1.0", "add settings.other")])).expect_err("refused");
    assert!(other.to_string().contains("never changes"), "{other}");
}

#[test]
fn a_version_never_changes_its_contents_and_may_get_other_waves() {
    let publisher = Publisher::new(1, 1);
    publisher.publish("1.0.0");
    let other = [publisher.image("1.0.0", &[1, 2, 4, 5])];
    let error = publish(&publisher.repo(), &publisher.keys, &publisher.request(&other)).expect_err("refused");
    assert!(error.to_string().contains("never changes"), "{error}");
    let same = [publisher.image("1.0.0", &[1, 2, 3])];
    let waves = find_policy("default").expect("a policy").waves(now());
    let published = publish(&publisher.repo(), &publisher.keys, &Publish { waves, ..publisher.request(&same) }).expect("published");
    assert!(!published.manifest.updates[0].waves.is_empty());
    assert!(publisher.check(None, 1, None).is_good());
}

#[test]
fn a_damaged_image_is_not_published() {
    let publisher = Publisher::new(1, 1);
    for name in ["root.erofs", "root.verity", "ampoule.efi"] {
        let image = publisher.image("1.0.0", &[1, 2, 3]);
        let dir = image.parts.root.parent().expect("a folder").to_owned();
        let mut bytes = fs::read(dir.join(name)).expect("a file");
        let at = if name == "ampoule.efi" {
            bytes.windows(7).position(|w| w == b"sha256 ").expect("a command line") + 8
        } else {
            bytes.len() - 1
        };
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        fs::write(dir.join(name), bytes).expect("written");
        assert!(format!("{:#}", Image::open(&dir).expect_err("refused")).contains(name), "{name}");
    }
}

#[test]
fn a_boot_loader_that_firmware_would_not_start_is_not_published() {
    let publisher = Publisher::new(1, 1);
    let dir = publisher.image("1.0.0", &[1, 2, 3]).parts.root.parent().expect("a folder").to_owned();
    let whole = fs::read(dir.join("loader.efi")).expect("a loader");
    // The machine in the PE header, which begins at 0x40: 64-bit Arm.
    let of_arm = [&whole[..0x44], &[0x64, 0xaa], &whole[0x46..]].concat();
    for (bytes, why) in [(b"loader".to_vec(), "it does not begin with MZ"), (of_arm, "it is for another machine")] {
        fs::write(dir.join("loader.efi"), bytes).expect("written");
        let refused = format!("{:#}", Image::open(&dir).expect_err("refused"));
        assert!(refused.contains(&format!("loader.efi is no boot loader for x86_64: firmware would not start it: {why}")), "{refused}");
    }
    fs::write(dir.join("loader.efi"), whole).expect("written");
    assert!(Image::open(&dir).is_ok());
}

#[test]
fn expiry_is_told_before_and_after() {
    let publisher = Publisher::new(1, 1);
    publisher.publish("1.0.0");
    let warned = publisher.check(None, 8, None);
    assert!(warned.is_good() && warned.findings.iter().any(|f| f.level == Level::Warning && f.text.contains("timestamp.json expires in ")));
    refresh(&publisher.repo(), &publisher.keys, Lifetimes::default(), now().plus(-10 * DAY)).expect("signed");
    let expired = publisher.check(None, 1, None);
    assert!(!expired.is_good() && expired.verified == 5, "it is looked at all the same: {expired:#?}");
    assert!(expired.findings.iter().any(|f| f.level == Level::Error && f.text.contains("timestamp.json has expired")));
    refresh(&publisher.repo(), &publisher.keys, Lifetimes::all("30 days").expect("a duration"), now()).expect("signed");
    assert!(publisher.check(None, 8, None).findings.is_empty());
}

#[test]
fn what_is_not_as_expected_is_named() {
    let publisher = Publisher::new(1, 1);
    let expected = publisher.publish("1.0.0");
    publisher.publish("1.1.0");
    let report = publisher.check(Some(&expected), 1, None);
    let text = format!("{:?}", report.findings);
    assert!(!report.is_good() && text.contains("1.1.0 is there and not expected") && text.contains("1.0.0 is not as expected"), "{text}");
}

#[test]
fn a_repository_that_went_back_is_found() {
    let publisher = Publisher::new(1, 1);
    let seen = tempfile::tempdir().expect("a directory");
    publisher.publish("1.0.0");
    let old = fs::read(publisher.repo().metadata().join("timestamp.json")).expect("a timestamp");
    publisher.publish("1.1.0");
    assert!(publisher.check(None, 1, Some(seen.path())).is_good());
    fs::write(publisher.repo().metadata().join("timestamp.json"), old).expect("written");
    assert!(publisher.check(None, 1, None).is_good(), "who never looked cannot know");
    assert!(!publisher.check(None, 1, Some(seen.path())).is_good());
}

#[test]
fn all_keys_can_be_replaced_and_first_roots_still_lead_there() {
    let publisher = Publisher::new(3, 2);
    publisher.publish("1.0.0");
    let seen = tempfile::tempdir().expect("a directory");
    assert!(publisher.check(None, 1, Some(seen.path())).is_good());
    for roles in [&["targets"][..], &["root"], &["snapshot", "timestamp"], &[]] {
        let rotation = publisher.rotation(roles, now().plus(200 * DAY));
        let rotated = rotate(&publisher.keys, Some(&publisher.path("repo")), &rotation).expect("replaced");
        assert_eq!(rotated.retired.len(), if roles == ["root"] { 3 } else { roles.len() }, "{roles:?}");
        for seen in [None, Some(seen.path())] {
            let report = publisher.check(None, 1, seen);
            assert!(report.findings.is_empty(), "{roles:?}: {report:#?}");
        }
    }
    assert_eq!(versions(&publisher.publish("1.1.0")), ["1.0.0≤1.1.0", "1.1.0≤1.1.0"]);
    assert!(publisher.check(None, 1, None).findings.is_empty());
}

#[test]
fn a_root_cannot_be_replaced_without_its_keys() {
    let publisher = Publisher::new(2, 2);
    let away = publisher.path("root-2.pem");
    fs::rename(publisher.keys.dir().join("root-2.pem"), &away).expect("moved");
    let names = || fs::read_dir(publisher.keys.dir()).expect("a folder").count();
    let before = names();
    let error = rotate(&publisher.keys, None, &publisher.rotation(&["root"], now())).expect_err("refused");
    assert!(format!("{error:#}").contains("too few keys of the root before this one"), "{error:#}");
    assert_eq!(names(), before, "no half-made keys are left");
    assert!(rotate(&publisher.keys, None, &publisher.rotation(&["nobody"], now())).is_err());
}

#[test]
fn what_somebody_else_wrote_is_not_signed() {
    let publisher = Publisher::new(1, 1);
    publisher.publish("1.0.0");
    let other = Publisher::new(1, 1);
    assert!(refresh(&publisher.repo(), &other.keys, Lifetimes::default(), now()).is_err());
    let manifest = fs::read_dir(publisher.repo().targets()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let manifest = manifest.into_iter().find(|path| path.to_string_lossy().ends_with("manifest.json")).expect("a manifest");
    fs::write(manifest, "{\"updates\":[]}").expect("written");
    let images = [publisher.image("1.1.0", &[1, 2, 3, 4])];
    assert!(publish(&publisher.repo(), &publisher.keys, &publisher.request(&images)).is_err());
}

#[test]
fn keys_of_openssl_are_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, options) in [
        ("ed25519", &["-algorithm", "ed25519"][..]),
        ("ecdsa", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        ("rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ] {
        let path = dir.path().join(name);
        let made = std::process::Command::new("openssl").arg("genpkey").args(options).arg("-out").arg(&path).output().expect("openssl");
        assert!(made.status.success(), "{name}");
        let key = ampoule_publish::PemKey { path };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert!(runtime.block_on(tough::key_source::KeySource::as_sign(&key)).is_ok(), "{name}");
    }
}

#[test]
fn versions_of_a_repository_are_found_as_files() {
    let publisher = Publisher::new(1, 1);
    publisher.publish("1.0.0");
    let version = "1.0.0".parse().expect("a version");
    let parts = publisher.repo().parts("standalone", &version).expect("there");
    let built = Parts::built(&publisher.path("image-1.0.0-3"));
    assert_eq!(fs::read(parts.root).expect("read"), fs::read(built.root).expect("read"));
    assert!(publisher.repo().parts("other", &version).is_err());
    let bytes = publisher.repo().metadata_bytes().expect("read");
    let metadata: u64 =
        fs::read_dir(publisher.repo().metadata()).expect("a folder").map(|e| e.expect("an entry").metadata().expect("read").len()).sum();
    let root = fs::metadata(publisher.keys.root_path()).expect("a root").len();
    assert!(bytes > metadata - root && bytes < metadata, "all but the root, and the manifest");
}

#[test]
fn a_kernel_that_stays_is_not_fetched_again() {
    let publisher = Publisher::new(1, 1);
    let manifest = publisher.publish("1.0.0");
    let kernel = manifest.updates[0].kernel.as_ref().expect("a kernel");
    let boot = fs::read(publisher.path("image-1.0.0-3/ampoule.efi")).expect("read");
    let (from, size) = (usize::try_from(kernel.offset).expect("a place"), usize::try_from(kernel.size).expect("a length"));
    let kernel = &boot[from..from + size];
    assert!(kernel.starts_with(b"MZ") && kernel.windows(9000).any(|part| part == [5; 9000]), "a program with the kernel's code");
    assert!(publisher.check(None, 1, None).is_good());
}
