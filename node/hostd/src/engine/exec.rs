//! Further processes in containers that run.

use std::path::Path;

use containerd_client::services::v1::{DeleteProcessRequest, ExecProcessRequest, GetContainerRequest, KillRequest};
use prost_types::Any;
use serde_json::{Value, json};

use super::{Engine, failed, request, tasks::Exit};
use crate::error::{HostError, ignore_missing};

const PROCESS_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Process";

/// A process beside the container's own.
#[derive(Clone, Copy)]
pub(crate) struct Exec<'a> {
    /// The container's name.
    pub(crate) container: &'a str,
    /// The process's own, which no other of this container has had: 1 to 76 letters, digits, and single `-` between them.
    pub(crate) id: &'a str,
}

impl Engine {
    /// Starts `command` in the container, with all else that its own process has: user, groups, environment, folder, capabilities, label. What it
    /// says goes to the FIFO `output`. It cannot be spoken to.
    pub(crate) async fn start_exec(&self, exec: Exec<'_>, command: &[String], output: &Path) -> Result<(), HostError> {
        let process = process(self.container_spec(exec.container).await?, command)?;
        let output = output.display().to_string();
        let wanted = ExecProcessRequest {
            container_id: exec.container.to_owned(),
            exec_id: exec.id.to_owned(),
            stdout: output.clone(),
            stderr: output,
            spec: Some(Any { type_url: PROCESS_TYPE.to_owned(), value: process }),
            ..Default::default()
        };
        self.client.tasks().exec(request(wanted)).await.map_err(failed("prepare the command"))?;
        self.start_process(exec.container, exec.id, "start the command").await.map(drop)
    }

    /// Waits until it has ended.
    pub(crate) async fn wait_exec(&self, exec: Exec<'_>) -> Exit {
        self.wait_process(exec.container, exec.id).await
    }

    /// Sends it a signal. Processes that it started are not reached.
    pub(crate) async fn kill_exec(&self, exec: Exec<'_>, signal: u32) -> Result<(), HostError> {
        let wanted = KillRequest { container_id: exec.container.to_owned(), exec_id: exec.id.to_owned(), signal, all: false };
        self.kill_process(wanted, "end the command").await
    }

    /// Forgets it after its end, when all that it said is in the FIFO.
    pub(crate) async fn remove_exec(&self, exec: Exec<'_>) -> Result<(), HostError> {
        let wanted = DeleteProcessRequest { container_id: exec.container.to_owned(), exec_id: exec.id.to_owned() };
        let answer = self.client.tasks().delete_process(request(wanted)).await;
        ignore_missing(answer.map(drop).map_err(failed("remove the command")))
    }

    /// The runtime document that the container was made from.
    async fn container_spec(&self, name: &str) -> Result<Vec<u8>, HostError> {
        let call = self.client.containers().get(request(GetContainerRequest { id: name.to_owned() })).await;
        let record = call.map_err(failed("look up the container"))?.into_inner().container;
        Ok(record.and_then(|record| record.spec).unwrap_or_default().value)
    }
}

/// The process of a runtime document with another command.
fn process(spec: Vec<u8>, command: &[String]) -> Result<Vec<u8>, HostError> {
    let unreadable = |message: String| HostError::Engine { action: "tell what the container was made from", message, is_missing: false };
    let spec: Value = serde_json::from_slice(&spec).map_err(|error| unreadable(error.to_string()))?;
    let mut process = spec.get("process").cloned().ok_or_else(|| unreadable("there is no process in it".to_owned()))?;
    process["args"] = json!(command);
    process["terminal"] = json!(false);
    Ok(process.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_what_the_container_s_own_process_has_and_no_more() {
        let spec = json!({"process": {"args": ["own"], "user": {"uid": 7}, "noNewPrivileges": true, "selinuxLabel": "a:b:c:s0:c1,c2"}, "root": {}});
        let made = process(spec.to_string().into_bytes(), &["ask".to_owned(), "it".to_owned()]).expect("made");
        let made: Value = serde_json::from_slice(&made).expect("JSON");
        let wanted = json!({"args": ["ask", "it"], "terminal": false, "user": {"uid": 7}, "noNewPrivileges": true, "selinuxLabel": "a:b:c:s0:c1,c2"});
        assert_eq!(made, wanted);
        for wrong in ["", "{}", "[]", "7"] {
            assert!(process(wrong.into(), &[]).is_err(), "{wrong}");
        }
    }
}
