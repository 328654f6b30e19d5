//! Small values that are right by construction: what a person writes, parsed once at the edge.

mod text;

mod capability;
mod hidden;
mod host_name;
mod http_url;
mod identifier;
mod image_reference;
mod line;
mod number;
mod pem;
mod registry_host;
mod secret;
mod size;

pub use capability::Capability;
pub use hidden::Hidden;
pub use host_name::HostName;
pub use http_url::HttpUrl;
pub use identifier::{EnvironmentName, Identifier, WorkloadName};
pub use image_reference::ImageReference;
pub use line::{PlainText, SingleLine};
pub use number::{Cpus, Port};
pub use pem::{PemCertificates, PemPrivateKey};
pub use registry_host::{RegistryHost, RegistryPattern};
pub use secret::Secret;
pub use size::ByteSize;
pub use text::{Invalid, hex};
