//! Certificates for one local node: how the host and the node know each other.
//!
//! The API of a node is never open without authentication, not even on a laptop. So each local node gets an authority,
//! a server certificate and client certificates of its own, made fresh; the server's half travels in its user data.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use ampoule_api_types::Role;
use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use toml::{Table, Value};

use crate::private_file;

/// The name in the certificate of every local node.
const SERVER_NAME: &str = "localhost";

/// Where a client's files lie.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// Authority that signed the node's certificate.
    pub ca: PathBuf,
    /// Client certificate.
    pub certificate: PathBuf,
    /// Its private key, readable by its owner only.
    pub key: PathBuf,
}

/// The certificates of one local node, in a folder.
#[derive(Clone, Debug)]
pub struct LocalIdentity {
    dir: PathBuf,
}

impl LocalIdentity {
    /// The port of the API on the node.
    pub const API_PORT: u16 = 9443;

    /// Makes everything anew in `dir`, which only the caller may read.
    pub fn create(dir: &Path) -> Result<Self> {
        let identity = Self { dir: dir.to_owned() };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let (ca_pem, issuer) = authority()?;
        identity.write("ca.pem", &ca_pem)?;
        identity.write_pair("server", leaf(server_params()?, &issuer)?)?;
        for role in Role::ALL {
            identity.write_pair(role.name(), leaf(client_params(role)?, &issuer)?)?;
        }
        Ok(identity)
    }

    /// What was made in `dir` before, or new if nothing complete is there.
    pub fn open_or_create(dir: &Path) -> Result<Self> {
        let names = ["ca.pem", "server.pem", "server.key", "admin.pem", "admin.key"];
        if names.iter().all(|name| dir.join(name).is_file()) {
            return Ok(Self { dir: dir.to_owned() });
        }
        Self::create(dir)
    }

    /// The name to expect in the node's certificate.
    pub fn server_name(&self) -> &'static str {
        SERVER_NAME
    }

    /// Files of a client with `role`.
    pub fn client(&self, role: Role) -> ClientFiles {
        ClientFiles {
            ca: self.dir.join("ca.pem"),
            certificate: self.dir.join(format!("{}.pem", role.name())),
            key: self.dir.join(format!("{}.key", role.name())),
        }
    }

    /// The settings that open the API to these certificates: a table with `api.remote` in it.
    pub fn settings(&self) -> Result<Table> {
        let mut remote = Table::new();
        remote.insert("enabled".into(), Value::Boolean(true));
        remote.insert("port".into(), Value::Integer(Self::API_PORT.into()));
        for (key, file) in [("certificate", "server.pem"), ("key", "server.key"), ("client-ca", "ca.pem")] {
            remote.insert(key.into(), Value::String(self.encoded(file)?));
        }
        Ok(nested("api", nested("remote", remote)))
    }

    /// User data: `text` (TOML, may be empty) with this node's `api.remote` added. Refuses text that sets it itself.
    pub fn user_data(&self, text: &str) -> Result<Vec<u8>> {
        let mut document: Table = text.parse().context("the user data is not TOML")?;
        let settings = document.entry("settings").or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(settings) = settings else { bail!("`settings` in the user data is not a table") };
        let api = settings.entry("api").or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(api) = api else { bail!("`settings.api` in the user data is not a table") };
        if api.contains_key("remote") {
            bail!("`settings.api.remote` in the user data: a local node gets its own; take it out");
        }
        api.extend(self.settings()?.remove("api").and_then(into_table).unwrap_or_default());
        Ok(document.to_string().into_bytes())
    }

    fn encoded(&self, file: &str) -> Result<String> {
        let path = self.dir.join(file);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(STANDARD.encode(bytes))
    }

    fn write_pair(&self, name: &str, pair: (String, String)) -> Result<()> {
        self.write(&format!("{name}.pem"), &pair.0)?;
        self.write(&format!("{name}.key"), &pair.1)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        private_file::write(&self.dir.join(name), text.as_bytes())
    }
}

fn into_table(value: Value) -> Option<Table> {
    match value {
        Value::Table(table) => Some(table),
        _ => None,
    }
}

fn nested(key: &str, table: Table) -> Table {
    Table::from_iter([(key.to_owned(), Value::Table(table))])
}

fn authority() -> Result<(String, Issuer<'static, KeyPair>)> {
    let mut params = CertificateParams::new(Vec::new()).context("authority")?;
    params.distinguished_name.push(DnType::CommonName, "Ampoule local authority");
    // It signs ends only, no further authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().context("cannot make the authority's key")?;
    let certificate = params.self_signed(&key).context("cannot make the authority")?;
    Ok((certificate.pem(), Issuer::new(params, key)))
}

fn server_params() -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![SERVER_NAME.to_owned()]).context("server certificate")?;
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    params.distinguished_name.push(DnType::CommonName, "Ampoule local node");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn client_params(role: Role) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).context("client certificate")?;
    params.distinguished_name.push(DnType::CommonName, format!("local {}", role.name()));
    params.distinguished_name.push(DnType::OrganizationalUnitName, role.name());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// Certificate and key as PEM.
fn leaf(mut params: CertificateParams, issuer: &Issuer<'static, KeyPair>) -> Result<(String, String)> {
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().context("cannot make a key")?;
    let certificate = params.signed_by(&key, issuer).context("cannot sign a certificate")?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_keeps_what_is_there_and_opens_the_api() {
        let dir = tempfile::tempdir().unwrap();
        let identity = LocalIdentity::create(&dir.path().join("id")).unwrap();
        let data = identity.user_data("[settings]\nmotd = \"hi\"\n").unwrap();
        let table: Table = String::from_utf8(data).unwrap().parse().unwrap();
        assert_eq!(table["settings"]["motd"].as_str(), Some("hi"));
        assert_eq!(table["settings"]["api"]["remote"]["port"].as_integer(), Some(9443));
        let key = table["settings"]["api"]["remote"]["key"].as_str().unwrap();
        assert!(STANDARD.decode(key).unwrap().starts_with(b"-----BEGIN PRIVATE KEY"));
    }

    #[test]
    fn user_data_with_an_api_of_its_own_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let identity = LocalIdentity::create(dir.path()).unwrap();
        assert!(identity.user_data("[settings.api.remote]\nenabled = false\n").is_err());
    }

    #[test]
    fn keys_are_private_and_kept() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let identity = LocalIdentity::create(dir.path()).unwrap();
        let key = identity.client(Role::Admin).key;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let before = fs::read(&key).unwrap();
        LocalIdentity::open_or_create(dir.path()).unwrap();
        assert_eq!(fs::read(&key).unwrap(), before);
    }
}
