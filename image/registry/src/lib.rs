//! A small read-only OCI registry for images on this machine.
//!
//! ```no_run
//! use ampoule_registry::{Image, Registry};
//! let image = Image::open("nginx.tar".as_ref()).unwrap();
//! let registry = Registry::start(vec![("nginx".to_owned(), image)]).unwrap();
//! println!("pull 127.0.0.1:{}/nginx:latest", registry.port());
//! ```

mod archive;
mod digest;
mod image;
mod layout;
mod pack;
mod server;

pub use digest::sha256;
pub use image::{Blob, Image, Source};
pub use pack::{PackedFile, pack, pack_at};
pub use server::Registry;
