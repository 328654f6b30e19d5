//! EC2's instance metadata service, as AWS itself imitates it for tests (`amazon-ec2-metadata-mock`), version 2 only.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use ampoule_machine::HOST_SEEN_FROM_GUEST;
use anyhow::{Context, Result};
use serde_json::json;

use super::{base64, go};
use crate::framework::{eventually, within};

const PROGRAM: &str = "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock";

/// A running service. Ends when dropped.
pub(crate) struct InstanceMetadata {
    child: Child,
    port: u16,
}

impl InstanceMetadata {
    /// Starts one at this port that gives this user data. `images` is the folder of recipes, `folder` for its files.
    pub(crate) fn start(images: &Path, cache: &Path, folder: &Path, port: u16, user_data: &str) -> Result<Self> {
        let program = go::program(&images.join("instance-metadata"), PROGRAM, cache)?;
        fs::create_dir_all(folder)?;
        let config = folder.join("config.json");
        fs::write(&config, json!({ "userdata": { "values": { "userdata": base64(user_data.as_bytes()) } } }).to_string())?;
        let log = File::create(folder.join("log"))?;
        let child = Command::new(program)
            .args(["--hostname", "127.0.0.1", "--imdsv2", "--port", &port.to_string(), "--config-file"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("the metadata service cannot be started")?;
        let service = Self { child, port };
        eventually("the metadata service listens", within(20), || Ok(TcpStream::connect(("127.0.0.1", port)).map(drop)?))?;
        Ok(service)
    }

    /// What a machine is told, so that it asks this service.
    pub(crate) fn machine_arguments(&self) -> [String; 2] {
        metadata_at(self.port)
    }
}

/// The same for a service that may not be there yet.
pub(crate) fn metadata_at(port: u16) -> [String; 2] {
    let endpoint = format!("http://{HOST_SEEN_FROM_GUEST}:{port}");
    ["-fw_cfg".to_owned(), format!("name=opt/org.ampoule/imds-endpoint,string={endpoint}")]
}

impl Drop for InstanceMetadata {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
