//! What a type of value allows, in words for a person and as JSON Schema for a program.

use ampoule_base::{
    ByteSize, Capability, Cpus, EnvironmentName, HostName, HttpUrl, Identifier, ImageReference, PemCertificates, PemPrivateKey, PlainText,
    Port, RegistryHost, RegistryPattern, Secret, SingleLine, WorkloadName,
};
use ampoule_workload::{DiskLimit, Domain, InodeLimit, Publish, RestartPolicy, Volume};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// A type that settings are made of.
pub trait Described {
    /// What a right value is, to be read after "write".
    const ALLOWED: &'static str;
    /// The same for a list of them.
    const LIST: &'static str = "a list";
    /// The same for one or a list of them.
    const ONE_OR_LIST: &'static str = "one value or a list of them";

    /// JSON Schema (2020-12) of the value. It may allow more than the type does; never less.
    fn schema() -> Value;
}

/// Describes types that are written as text.
macro_rules! described_text {
    ($($type:ty = $allowed:literal;)*) => {$(
        impl $crate::Described for $type {
            const ALLOWED: &'static str = $allowed;
            const LIST: &'static str = concat!("a list, each ", $allowed);
            const ONE_OR_LIST: &'static str = concat!($allowed, ", or a list of such");

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string" })
            }
        }
    )*};
}
pub(crate) use described_text;

described_text! {
    ByteSize = "a size like \"256MiB\"";
    DiskLimit = "a size of at least 1MiB or a share, like \"10GiB\" or \"25%\"";
    Capability = "a capability like \"net-raw\"";
    EnvironmentName = "the name of a variable, for example \"LANG\"";
    HostName = "lower-case letters, digits, `-` and `.`, at most 253, for example \"node-1.example\"";
    HttpUrl = "http:// or https://, a host, and maybe a port and a path, for example \"https://mirror.example:5000\"";
    Identifier = "1 to 76 letters, digits and `-`";
    ImageReference = "an image reference, for example \"docker.io/library/nginx:1.27\"";
    PemCertificates = "base64 of PEM certificates, as from `base64 -w0 FILE`";
    PemPrivateKey = "base64 of one PEM private key, as from `base64 -w0 FILE`";
    PlainText = "a text of at most 64 KiB";
    RegistryHost = "host or host:port, for example \"10.0.2.2:5000\"";
    RegistryPattern = "host or host:port, or `*` for any";
    Secret = "one line of at most 16 KiB";
    SingleLine = "a text on one line";
    WorkloadName = "1 to 63 small letters, digits and single `-` between them, for example \"web-1\"";
    Publish = "\"HOSTPORT:PORT\", maybe with \"/udp\" behind it, for example \"8080:80\"";
    Volume = "\"NAME:/path\", maybe with \":ro\", \":shared\" or \":ro,shared\" behind it";
    String = "a text";
    IpAddr = "an IPv4 or IPv6 address";
    Ipv4Addr = "an IPv4 address";
}

impl Described for bool {
    const ALLOWED: &'static str = "true or false";

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

/// Describes whole numbers.
macro_rules! described_number {
    ($($type:ty = $allowed:literal, $least:expr, $most:expr;)*) => {$(
        impl Described for $type {
            const ALLOWED: &'static str = $allowed;

            fn schema() -> Value {
                json!({ "type": "integer", "minimum": $least, "maximum": $most })
            }
        }
    )*};
}

described_number! {
    Port = "a port from 1 to 65535", 1, 65_535;
    InodeLimit = "a whole number from 128 to 4294967295", InodeLimit::LEAST, InodeLimit::MOST;
    u8 = "a whole number from 0 to 255", 0, u8::MAX;
    u16 = "a whole number from 0 to 65535", 0, u16::MAX;
    u32 = "a whole number from 0 to 4294967295", 0, u32::MAX;
    u64 = "a whole number, 0 or more", 0, u64::MAX;
    i32 = "a whole number from -2147483648 to 2147483647", i32::MIN, i32::MAX;
    i64 = "a whole number", i64::MIN, i64::MAX;
}

impl Described for Cpus {
    const ALLOWED: &'static str = "a number from 0.01 to 1024, for example 0.5";

    fn schema() -> Value {
        json!({ "type": "number", "minimum": 0.01, "maximum": 1024 })
    }
}

impl Described for RestartPolicy {
    const ALLOWED: &'static str = "\"always\", \"on-failure\" or \"never\"";

    fn schema() -> Value {
        json!({ "enum": ["always", "on-failure", "never"] })
    }
}

impl Described for Domain {
    const ALLOWED: &'static str =
        "\"container\", or nothing: what must reach the node's API uses the remote API with a certificate of its own";

    fn schema() -> Value {
        json!({ "enum": ["container"] })
    }
}

impl<T: Described> Described for Vec<T> {
    const ALLOWED: &'static str = T::LIST;

    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl<K, V: Described> Described for BTreeMap<K, V> {
    const ALLOWED: &'static str = "a table of NAME = value";

    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": V::schema() })
    }
}
