//! Types of `/v1/…`. Field names are kebab case, except in log records, which are the log service's own.

mod boot;
mod error;
mod logs;
mod network;
mod services;
mod settings;
mod workloads;

pub use boot::{BootReport, BootStep};
pub use error::{ErrorBody, ErrorCode};
pub use logs::{LogQuery, LogRecord};
pub use network::{Announced, Dhcp4Lease, InterfaceStatus, NetworkStatus, Route};
pub use services::{ServiceList, ServiceState, ServiceStatus};
pub use settings::{SettingList, SettingValue, ValueSource};
pub use workloads::{PullProgress, WorkloadList, WorkloadState, WorkloadStatus};
