//! Tasks: the processes of containers.

use std::{path::Path, time::Duration};

use containerd_client::{
    services::v1::{CreateTaskRequest, DeleteTaskRequest, GetRequest, KillRequest, StartRequest, WaitRequest},
    types::{Mount, v1::Status},
};
use prost::Message;
use prost_types::Any;
use tonic::Code;

use super::{Engine, failed, request};
use crate::error::{HostError, ignore_missing};

/// Between tries to hear of a task while containerd is away.
const RETRY_PAUSE: Duration = Duration::from_millis(300);
/// Reported when a task vanished without anyone hearing its exit code.
const UNKNOWN_EXIT: u32 = 255;
/// How containerd calls a container's own process, beside those that were started in it later.
const OWN: &str = "";

/// containerd's `api/types/runc/options/oci.proto`, message `containerd.runc.v1.Options`: of it, what is used.
#[derive(Clone, PartialEq, prost::Message)]
struct RuncOptions {
    /// Owner of the pipes that are the container's output.
    #[prost(uint32, tag = "4")]
    io_uid: u32,
    /// Their group.
    #[prost(uint32, tag = "5")]
    io_gid: u32,
}

const RUNC_OPTIONS: &str = "containerd.runc.v1.Options";

/// What a container's process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskState {
    /// There is none.
    Absent,
    /// It lives.
    Running {
        /// Its number on the node.
        pid: u32,
    },
    /// It was made but never started, or it has ended.
    Ended(Exit),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Exit code, 128 + signal if a signal ended it.
    pub(crate) code: u32,
}

impl Engine {
    /// Looks what the container's process is doing.
    pub(crate) async fn task(&self, name: &str) -> Result<TaskState, HostError> {
        let wanted = GetRequest { container_id: name.to_owned(), exec_id: OWN.to_owned() };
        let process = match self.client.tasks().get(request(wanted)).await.map_err(failed("look up the process")) {
            Ok(answer) => answer.into_inner().process,
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        let Some(process) = process else {
            return Ok(TaskState::Absent);
        };
        Ok(match process.status() {
            Status::Running | Status::Paused | Status::Pausing => TaskState::Running { pid: process.pid },
            Status::Created | Status::Stopped | Status::Unknown => TaskState::Ended(Exit { code: process.exit_status }),
        })
    }

    /// Makes the container's process, its output going to two FIFOs, and lets it run. Gives its number. `root` is what uid 0 inside is on
    /// the node: its output is that user's, so that it can be opened again by name (`/dev/stdout`).
    pub(crate) async fn start_task(&self, name: &str, rootfs: Vec<Mount>, output: [&Path; 2], root: u32) -> Result<u32, HostError> {
        let [stdout, stderr] = output;
        let options = RuncOptions { io_uid: root, io_gid: root };
        let create = CreateTaskRequest {
            container_id: name.to_owned(),
            rootfs,
            stdout: stdout.display().to_string(),
            stderr: stderr.display().to_string(),
            options: Some(Any { type_url: RUNC_OPTIONS.to_owned(), value: options.encode_to_vec() }),
            ..Default::default()
        };
        let made = self.client.tasks().create(request(create)).await;
        made.map_err(failed("create the container's process"))?;
        self.start_process(name, OWN, "start the container's process").await
    }

    /// Lets a process run that was made; gives its number.
    pub(super) async fn start_process(&self, container: &str, process: &str, action: &'static str) -> Result<u32, HostError> {
        let start = StartRequest { container_id: container.to_owned(), exec_id: process.to_owned() };
        Ok(self.client.tasks().start(request(start)).await.map_err(failed(action))?.into_inner().pid)
    }

    /// Waits until the container's process has ended, over restarts of containerd too.
    pub(crate) async fn wait_task(&self, name: &str) -> Exit {
        self.wait_process(name, OWN).await
    }

    pub(super) async fn wait_process(&self, container: &str, process: &str) -> Exit {
        loop {
            let wanted = WaitRequest { container_id: container.to_owned(), exec_id: process.to_owned() };
            match self.client.tasks().wait(request(wanted)).await {
                Ok(answer) => {
                    return Exit { code: answer.into_inner().exit_status };
                }
                Err(status) if status.code() == Code::NotFound => {
                    return Exit { code: UNKNOWN_EXIT };
                }
                Err(status) => log::debug!("waiting for {container} {process}: {}", status.message()),
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    /// Sends a signal to the container's first process, or to all of them.
    pub(crate) async fn kill_task(&self, name: &str, signal: u32, all: bool) -> Result<(), HostError> {
        let wanted = KillRequest { container_id: name.to_owned(), exec_id: OWN.to_owned(), signal, all };
        self.kill_process(wanted, "signal the container").await
    }

    pub(super) async fn kill_process(&self, wanted: KillRequest, action: &'static str) -> Result<(), HostError> {
        let answer = self.client.tasks().kill(request(wanted)).await;
        ignore_missing(answer.map(drop).map_err(failed(action)))
    }

    /// Forgets a process that has ended.
    pub(crate) async fn remove_task(&self, name: &str) -> Result<(), HostError> {
        let wanted = DeleteTaskRequest { container_id: name.to_owned() };
        let answer = self.client.tasks().delete(request(wanted)).await;
        ignore_missing(answer.map(drop).map_err(failed("remove the container's process")))
    }
}
