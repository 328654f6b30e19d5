//! Keys that other programs sign with: whatever holds them never gives them away.
//!
//! A program of one's own is called with one more word at its end. `public`: it writes the public key, PEM with `PUBLIC KEY` (RFC 7468, section 13).
//! `sign`: it reads the message from its standard input and writes the signature, bytes as they are: 64 bytes of Ed25519 (RFC 8032), DER of
//! ECDSA P-256 with SHA-256 (RFC 3279, section 2.2.3), or RSASSA-PSS with SHA-256 (RFC 8017).

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};
use tough::async_trait;
use tough::schema::key::Key;
use tough::sign::Sign;

use super::Cause;

/// What an Ed25519 public key begins with in DER (RFC 8410, section 4); 32 bytes follow.
const ED25519_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The object identifier of P-256 in DER (RFC 5480, section 2.1.1.1).
const P256_OID: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// The object identifier of RSA in DER (RFC 8017, appendix C).
const RSA_OID: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// A key that a program signs with.
#[derive(Debug, Clone)]
pub(crate) struct External {
    holder: Holder,
    key: Key,
}

#[derive(Debug, Clone)]
enum Holder {
    /// A program of one's own and its arguments.
    Program(Vec<String>),
    /// A key of AWS KMS.
    Kms(Aws, String),
}

/// The command line of AWS, which knows how a person logs in.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    program: &'static str,
    profile: Option<String>,
}

impl External {
    /// The key that a program signs with.
    pub(crate) fn open(words: Vec<String>) -> Result<Box<dyn Sign>> {
        let text = run(command(&words)?.arg("public"), b"")?;
        let key = public_key(pem::parse(text).context("the program does not write a public key in PEM")?.contents())?;
        Ok(Box::new(Self { holder: Holder::Program(words), key }))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>> {
        let signature = match &self.holder {
            Holder::Program(words) => run(command(words)?.arg("sign"), message)?,
            Holder::Kms(aws, id) => aws.sign(id, &self.key, message)?,
        };
        self.checked(message, signature)
    }

    /// Nothing is published that nodes would refuse: a program that signs in another way is found here.
    fn checked(&self, message: &[u8], mut signature: Vec<u8>) -> Result<Vec<u8>> {
        let (algorithm, public): (&'static dyn VerificationAlgorithm, &[u8]) = match &self.key {
            Key::Ed25519 { keyval, .. } => (&ED25519, &keyval.public),
            Key::Ecdsa { keyval, .. } | Key::EcdsaOld { keyval, .. } => (&ECDSA_P256_SHA256_ASN1, &keyval.public),
            Key::Rsa { keyval, .. } => {
                // Some leave out zeros at the beginning; a signature is as long as the modulus, of 2048, 3072 or 4096 bits.
                let short = signature.len().next_multiple_of(128) - signature.len();
                signature.splice(..0, vec![0; short]);
                (&RSA_PSS_2048_8192_SHA256, &keyval.public)
            }
        };
        match UnparsedPublicKey::new(algorithm, public).verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => {
                bail!("what was signed does not verify: Ed25519, ECDSA P-256 with SHA-256 in DER, or RSASSA-PSS with SHA-256 is wanted")
            }
        }
    }
}

#[async_trait]
impl Sign for External {
    fn tuf_key(&self) -> Key {
        self.key.clone()
    }

    async fn sign(&self, message: &[u8], _rng: &(dyn SecureRandom + Sync)) -> Result<Vec<u8>, Cause> {
        Ok(self.signature(message)?)
    }
}

impl Aws {
    pub(crate) fn new(profile: Option<String>) -> Self {
        Self { program: "aws", profile }
    }

    /// A key of KMS: RSA for signing, or `ECC_NIST_P256`.
    pub(crate) fn kms(self, id: &str) -> Result<Box<dyn Sign>> {
        let text = run(self.command("kms", "get-public-key").args(["--key-id", id, "--query", "PublicKey", "--output", "text"]), b"")?;
        let key = public_key(&base64_of(&text)?)?;
        ensure!(!matches!(key, Key::Ed25519 { .. }), "a key of KMS for this must be RSA or ECC_NIST_P256");
        Ok(Box::new(External { holder: Holder::Kms(self, id.to_owned()), key }))
    }

    /// A parameter of Systems Manager, decrypted.
    pub(crate) fn parameter(&self, name: &str) -> Result<Vec<u8>> {
        let mut command = self.command("ssm", "get-parameter");
        run(command.args(["--name", name, "--with-decryption", "--query", "Parameter.Value", "--output", "text"]), b"")
    }

    /// KMS takes messages of 4096 bytes at most, so it gets their SHA-256.
    fn sign(&self, id: &str, key: &Key, message: &[u8]) -> Result<Vec<u8>> {
        let algorithm = if matches!(key, Key::Rsa { .. }) { "RSASSA_PSS_SHA_256" } else { "ECDSA_SHA_256" };
        let mut command = self.command("kms", "sign");
        command.args(["--key-id", id, "--signing-algorithm", algorithm, "--message-type", "DIGEST", "--message", "fileb:///dev/stdin"]);
        base64_of(&run(command.args(["--query", "Signature", "--output", "text"]), &Sha256::digest(message))?)
    }

    fn command(&self, service: &str, action: &str) -> Command {
        let mut command = Command::new(self.program);
        command.args([service, action]);
        if let Some(profile) = &self.profile {
            command.args(["--profile", profile]);
        }
        command
    }
}

/// The kind of a public key, and the key as TUF has it.
fn public_key(der: &[u8]) -> Result<Key> {
    let has = |oid: &[u8]| der.windows(oid.len()).take(16).any(|some| some == oid);
    let text = pem::encode_config(&pem::Pem::new("PUBLIC KEY", der), pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF));
    let key = match der.strip_prefix(&ED25519_DER).filter(|public| public.len() == 32) {
        Some(public) => json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(public)}}),
        None if has(&P256_OID) => json!({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": text}}),
        None if has(&RSA_OID) => json!({"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": text}}),
        None => bail!("the public key is neither Ed25519 nor ECDSA P-256 nor RSA"),
    };
    serde_json::from_value(key).context("the public key is damaged")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64_of(text: &[u8]) -> Result<Vec<u8>> {
    STANDARD.decode(text.trim_ascii()).context("the AWS command line did not answer with base64")
}

fn command(words: &[String]) -> Result<Command> {
    let (program, arguments) = words.split_first().context("no program is named")?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// What the program writes. It may ask a person for a PIN: its errors, and its terminal if it opens that, are ours.
fn run(command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {program}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read all of it, or ends before, says why by how it ends.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().with_context(|| format!("{program} cannot be waited for"))?;
    ensure!(output.status.success(), "{program} failed ({})", output.status);
    Ok(output.stdout)
}

#[cfg(test)]
mod tests;
