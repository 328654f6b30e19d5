//! Keys that are not in the folder of keys: files, and programs that sign with what they hold.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ampoule_publish::{
    Check, Given, Image, KeyFolder, Lifetimes, NewKeys, Publish, Repository, Rotation, Source, check, now, publish, rotate,
};
use ampoule_update::Waves;
use ampoule_update_attacks::{Tiny, tiny_image};

const DAY: i64 = 86_400;
const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const ED25519: [&str; 2] = ["-algorithm", "ed25519"];
const DIGEST: &str = "openssl dgst -sha256 -sign";
const PSS: &str = "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sign";
/// This algorithm is not computed over a stream.
const WHOLE: &str = "cat > \"$1.message\" && openssl pkeyutl -sign -rawin -in \"$1.message\" -inkey";

fn key(path: &Path, options: &[&str]) {
    let made = Command::new("openssl").arg("genpkey").args(options).arg("-out").arg(path).output().expect("openssl");
    assert!(made.status.success(), "{made:?}");
}

/// A program that signs with a key of the module `name`, which only it can read.
fn program(folder: &Path, name: &str, options: &[&str], sign: &str) -> String {
    let (held, path) = (folder.join(format!("{name}.held")), folder.join(name));
    key(&held, options);
    let text =
        format!("#!/bin/sh\ncase \"$2\" in\npublic) openssl pkey -in \"$1\" -pubout ;;\nsign) {sign} \"$1\" ;;\n*) exit 3 ;;\nesac\n");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    format!("command:{} {}", path.display(), held.display())
}

fn given(role: &str, uri: &str) -> Given {
    Given { role: role.to_owned(), uri: uri.parse().expect("a place") }
}

fn new() -> NewKeys {
    NewKeys { root_keys: 1, root_threshold: 1, expires: now().plus(300 * DAY) }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

fn image(folder: &Path) -> Image {
    tiny_image(folder, &Tiny { version: "1.0.0", blocks: &[1, 2, 3], kernel: &[5; 9000], loader: b"loader" }).expect("an image");
    Image::open(folder).expect("an image that is whole")
}

/// Whether a node that has the root `trusted` takes what is published.
fn is_taken(repo: &Path, trusted: PathBuf) -> bool {
    let (root, source) = (fs::read(trusted).expect("a root"), Source::new(&repo.to_string_lossy()).expect("a repository"));
    check(&Check { source: &source, root: &root, seen: None, expect: None, warn_days: 0, now: now() }).expect("checked").is_good()
}

#[test]
fn a_repository_is_signed_by_keys_of_every_kind_that_lie_elsewhere() {
    let dir = tempfile::tempdir().expect("a folder");
    let (keys, repo) = (dir.path().join("keys"), dir.path().join("repo"));
    fs::create_dir(&repo).expect("a folder");
    key(&dir.path().join("timestamp.pem"), &P256);
    let elsewhere = [
        given("root", &program(dir.path(), "of-the-root", &RSA, PSS)),
        given("targets", &program(dir.path(), "of-targets", &P256, DIGEST)),
        given("snapshot", &program(dir.path(), "of-the-snapshot", &ED25519, WHOLE)),
        given("timestamp", &format!("file://{}", dir.path().join("timestamp.pem").display())),
    ];
    let folder = KeyFolder::create_with(&keys, &new(), &elsewhere).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(names(&keys), ["1.root.json", "root-1.uri", "root.json", "snapshot-1.uri", "targets-1.uri", "timestamp-1.uri"]);
    let images = [image(&dir.path().join("image"))];
    let request =
        Publish { images: &images, waves: Waves::default(), max_version: None, remove: &[], lifetimes: Lifetimes::default(), now: now() };
    publish(&Repository::new(&repo), &folder, &request).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(is_taken(&repo, keys.join("1.root.json")));

    let rotation = Rotation {
        replace: vec!["targets".to_owned(), "snapshot".to_owned()],
        root_keys: None,
        given: vec![given("targets", &program(dir.path(), "of-targets-anew", &RSA, PSS))],
        expires: now().plus(300 * DAY),
        lifetimes: Lifetimes::default(),
        now: now(),
    };
    rotate(&folder, Some(&repo), &rotation).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(names(&keys.join("retired")), ["snapshot-1.uri", "targets-1.uri"]);
    assert!(keys.join("targets-2.uri").is_file() && keys.join("snapshot-2.pem").is_file());
    assert!(is_taken(&repo, keys.join("1.root.json")), "nodes of before follow");
}

#[test]
fn a_key_that_cannot_sign_as_nodes_want_it_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let keys = dir.path().join("keys");
    let cases = [
        (program(dir.path(), "pkcs1", &RSA, DIGEST), "does not verify"),
        (program(dir.path(), "p384", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], DIGEST), "neither Ed25519 nor ECDSA"),
        (program(dir.path(), "broken", &P256, "exit 7;"), "failed (exit status: 7)"),
        ("command:/nonexistent/program".to_owned(), "cannot start /nonexistent/program"),
        ("command:/bin/true".to_owned(), "does not write a public key"),
        (format!("file://{}", dir.path().join("nothing.pem").display()), "cannot read the key"),
    ];
    for (uri, why) in cases {
        let error = KeyFolder::create_with(&keys, &new(), &[given("root", &uri)]).expect_err(&uri);
        assert!(format!("{error:#}").contains(why), "{uri}: {error:#}");
        assert!(names(&keys).is_empty(), "{uri}: {:?}", names(&keys));
    }
    let two = [given("root", "/a.pem"), given("root", "/b.pem")];
    assert!(KeyFolder::create_with(&keys, &new(), &two).expect_err("one is wanted").to_string().contains("as many must be given"));
}

#[test]
fn a_file_that_says_no_place_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = KeyFolder::create(dir.path(), &new()).expect("keys");
    fs::write(dir.path().join("targets-2.uri"), "gcp-kms://a/b\n").expect("written");
    let error = format!("{:#}", folder.sources().expect_err("refused"));
    assert!(error.contains("targets-2.uri") && error.contains("aws-kms://PROFILE/KEY"), "{error}");
}
