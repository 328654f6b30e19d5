//! A client that is not ours pulls from the registry: skopeo copies, and what arrives is opened again.

use std::process::Command;

use ampoule_registry::{Image, PackedFile, Registry, pack};

fn demo() -> Image {
    let file = PackedFile { path: "bin/demo".into(), content: vec![7; 700_000], mode: 0o755 };
    pack(&[file], &["/bin/demo"]).unwrap()
}

fn copy(port: u16, target: &str) {
    let source = format!("docker://127.0.0.1:{port}/some/demo:any");
    let output = Command::new("skopeo")
        .args(["copy", "--src-tls-verify=false", "--insecure-policy", &source, target])
        .output()
        .expect("skopeo (Debian package skopeo)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn an_image_survives_the_way_through_layout_and_archives() {
    let dir = tempfile::tempdir().unwrap();
    for (kind, name) in [("oci", "layout"), ("oci-archive", "oci.tar"), ("docker-archive", "docker.tar")] {
        let registry = Registry::start(vec![("some/demo".into(), demo())]).unwrap();
        let path = dir.path().join(name);
        copy(registry.port(), &format!("{kind}:{}", path.display()));
        assert!(registry.sent() > 700_000);

        let opened = Image::open(&path).unwrap();
        let second = Registry::start(vec![("some/demo".into(), opened)]).unwrap();
        copy(second.port(), &format!("dir:{}", dir.path().join(format!("{name}.dir")).display()));
    }
}

#[test]
fn what_is_no_image_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    std::fs::write(&path, b"no archive").unwrap();
    assert!(Image::open(&path).is_err());
    assert!(Image::open(dir.path()).is_err());
    assert!(Image::open(&dir.path().join("absent")).is_err());
}
