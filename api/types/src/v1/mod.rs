//! Types of `/v1/…`. Field names are kebab case, except in log records, which are the log service's own.

mod apply;
mod boot;
mod denials;
mod error;
mod events;
mod generations;
mod logs;
mod network;
mod plan;
mod services;
mod settings;
mod updates;
mod user_data;
mod workloads;

pub use apply::{ApplyReport, ApplyRequest, ApplyState, FileStep, ServiceStep, TrialInfo};
pub use boot::{BootReport, BootStep};
pub use denials::{Denial, DenialKind, DenialList};
pub use error::{ErrorBody, ErrorCode};
pub use events::{Event, EventKind};
pub use generations::{
    ConfirmRequest, GenerationDetail, GenerationDiff, GenerationList, GenerationOrigin, GenerationSummary, RestoreRequest, SettingProblem,
    StandingInfo,
};
pub use logs::{LogQuery, LogRecord};
pub use network::{Announced, Dhcp4Lease, InterfaceStatus, NetworkStatus, Route};
pub use plan::{Plan, PlanRequest, PlannedFile, PlannedKey, PlannedReason, PlannedService, PlannedWorkload};
pub use services::{ServiceList, ServiceState, ServiceStatus};
pub use settings::{SettingList, SettingValue, ValueSource};
pub use updates::{BadVersion, BootTrial, BootTrialState, ForgiveRequest, UpdatePlan, UpdateProgress, Updates};
pub use user_data::{UserDataRequest, UserDataState, UserDataStatus};
pub use workloads::{DiskUse, PullProgress, SharedVolume, WorkloadIds, WorkloadIsolation, WorkloadList, WorkloadState, WorkloadStatus};
