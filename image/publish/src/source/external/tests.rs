//! KMS and Systems Manager, played by a script that signs with openssl as they do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;

use super::*;

/// A command line of AWS for one key, and what it is called with in `FOLDER/calls`.
fn aws(folder: &Path, key: &[&str], sign: &str) -> Aws {
    let made = Command::new("openssl").arg("genpkey").args(key).arg("-out").arg(folder.join("key.pem")).output().expect("openssl");
    assert!(made.status.success(), "{made:?}");
    let script = format!(
        "#!/bin/sh\ncd {} && echo \"$*\" >> calls\ncase \"$1 $2\" in\n\
         'kms get-public-key') openssl pkey -in key.pem -pubout -outform DER | base64 -w 0 ;;\n\
         'kms sign') cat > digest; openssl pkeyutl -sign -inkey key.pem -in digest {sign} | base64 -w 0 ;;\n\
         'ssm get-parameter') cat key.pem ;;\n*) exit 9 ;;\nesac\n",
        folder.display()
    );
    let path = folder.join("aws");
    fs::write(&path, script).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    Aws { program: path.display().to_string().leak(), profile: Some("prod".to_owned()) }
}

fn signs(signer: &dyn Sign) -> Result<Vec<u8>, Cause> {
    crate::wait(async { Ok(signer.sign(&[7; 9000], &SystemRandom::new()).await) }).expect("a runtime")
}

const P256: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: [&str; 4] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const PSS: &str = "-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32";

#[test]
fn keys_of_kms_sign_messages_of_any_length() {
    for (key, options, algorithm) in [(P256, "", "ECDSA_SHA_256"), (RSA, PSS, "RSASSA_PSS_SHA_256")] {
        let folder = tempfile::tempdir().expect("a folder");
        let signer = aws(folder.path(), &key, options).kms("alias/targets").unwrap_or_else(|error| panic!("{error:#}"));
        signs(&*signer).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        let calls = fs::read_to_string(folder.path().join("calls")).expect("calls");
        assert!(calls.contains("kms get-public-key --profile prod --key-id alias/targets"), "{calls}");
        assert!(calls.contains(&format!("--signing-algorithm {algorithm} --message-type DIGEST --message fileb:///dev/stdin")), "{calls}");
        assert_eq!(fs::metadata(folder.path().join("digest")).expect("a digest").len(), 32);
    }
}

#[test]
fn a_key_that_signs_in_another_way_is_found_before_anything_is_published() {
    let folder = tempfile::tempdir().expect("a folder");
    let signer = aws(folder.path(), &RSA, "-pkeyopt digest:sha256").kms("x").expect("a key");
    assert!(signs(&*signer).expect_err("PKCS #1 v1.5").to_string().contains("does not verify"));
}

#[test]
fn a_parameter_is_a_key_in_pem() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = aws(folder.path(), &P256, "").parameter("/keys/targets").expect("a parameter");
    assert!(crate::source::parse_key(&text).is_ok());
    let calls = fs::read_to_string(folder.path().join("calls")).expect("calls");
    assert!(calls.contains("ssm get-parameter --profile prod --name /keys/targets --with-decryption"), "{calls}");
}

#[test]
fn what_is_no_public_key_is_refused() {
    for wrong in [&b""[..], b"hello", &ED25519_DER, &P256_OID, &RSA_OID, &[0x30; 200]] {
        assert!(public_key(wrong).is_err(), "{wrong:?}");
    }
}
