//! What the API offers, one function per thing.

use ampoule_api_types::{
    OsInfo, UpdateStatus,
    v1::{BootReport, DenialList, ForgiveRequest, NetworkStatus, ServiceList, SettingList, UpdatePlan, Updates, WorkloadList},
};
use serde_json::Value;

use crate::{Client, ClientError, Lines, Method, Response, client::decode, query::with_query};

/// Which log records to read.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Services (`apid`), workloads (`workload/web`), all workloads (`workload/`), the `kernel`; empty: all.
    pub sources: Vec<String>,
    /// Only from then on: Unix time in milliseconds, or an age like `90s`, `15m`, `2h`, `1d`.
    pub since: Option<String>,
    /// Only this syslog level and worse: 0 (emergency) to 7 (debug).
    pub level: Option<u8>,
    /// Only the last so many records.
    pub tail: Option<u32>,
    /// Keep sending what comes.
    pub follow: bool,
}

impl LogQuery {
    fn path(&self) -> String {
        let sources = (!self.sources.is_empty()).then(|| self.sources.join(","));
        with_query(
            "/v1/logs",
            &[
                ("source", sources),
                ("since", self.since.clone()),
                ("level", self.level.map(|level| level.to_string())),
                ("tail", self.tail.map(|tail| tail.to_string())),
                ("follow", self.follow.then(|| "true".to_owned())),
            ],
        )
    }
}

impl Client {
    /// The live settings; `prefix` is a plain string prefix of the dotted key.
    pub fn settings(&self, prefix: Option<&str>) -> Result<Value, ClientError> {
        let prefix = prefix.map(ToOwned::to_owned);
        self.get_json(&with_query("/settings", &[("prefix", prefix)]))
    }

    /// Puts a partial settings tree (no outer `settings` key) into a transaction.
    pub fn patch_settings(&self, transaction: &str, tree: &Value) -> Result<(), ClientError> {
        let path = with_query("/settings", &[("tx", Some(transaction.to_owned()))]);
        self.send_json(Method::Patch, &path, tree).map(drop)
    }

    /// Makes a transaction's settings the live ones and has them applied; the keys that changed.
    pub fn commit_and_apply(&self, transaction: &str) -> Result<Vec<String>, ClientError> {
        let path = with_query("/tx/commit_and_apply", &[("tx", Some(transaction.to_owned()))]);
        let answer: Response = self.patient().call(Method::Post, &path, None)?;
        decode(&path, &answer.body)
    }

    /// Changes settings in a transaction of their own, at once.
    pub fn change_settings(&self, tree: &Value) -> Result<Vec<String>, ClientError> {
        let transaction = format!("client-{}-{}", std::process::id(), unique());
        self.patch_settings(&transaction, tree)?;
        self.commit_and_apply(&transaction)
    }

    /// What the node runs.
    pub fn os(&self) -> Result<OsInfo, ClientError> {
        self.get_json("/os")
    }

    /// Drops a transaction, if it is there.
    pub fn discard(&self, transaction: &str) -> Result<(), ClientError> {
        self.call(Method::Delete, &with_query("/tx", &[("tx", Some(transaction.to_owned()))]), None).map(drop)
    }

    /// JSON Schema of the image's settings, with their documentation.
    pub fn settings_schema(&self) -> Result<Value, ClientError> {
        self.get_json("/v1/schema")
    }

    /// The live settings by key, each with who gave it; secrets are hidden.
    pub fn setting_list(&self, prefix: Option<&str>) -> Result<SettingList, ClientError> {
        let pairs = [("with", Some("source".to_owned())), ("prefix", prefix.map(ToOwned::to_owned))];
        self.get_json(&with_query("/v1/settings", &pairs))
    }

    /// What the updater knows and what it did last.
    pub fn update_status(&self) -> Result<UpdateStatus, ClientError> {
        self.get_json("/updates/status")
    }

    /// How the node stands with its updates.
    pub fn updates(&self) -> Result<Updates, ClientError> {
        self.get_json("/v1/updates")
    }

    /// What installing the chosen update would cost. The node asks the repository for it.
    pub fn update_plan(&self) -> Result<UpdatePlan, ClientError> {
        self.patient().get_json("/v1/updates/plan")
    }

    /// Has the node go back to the version before. One that goes down faster than its answer travels has agreed.
    pub fn rollback_update(&self) -> Result<(), ClientError> {
        match self.patient().call(Method::Post, "/v1/updates/rollback", None) {
            Ok(_) | Err(ClientError::Broken(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets a version be tried again that was not good.
    pub fn forgive_update(&self, version: &str) -> Result<(), ClientError> {
        self.send_json(Method::Post, "/v1/updates/forgive", &ForgiveRequest { version: version.to_owned() }).map(drop)
    }

    /// Asks for an action of Bottlerocket's API, `refresh-updates` for example; returns once it is begun.
    pub fn action(&self, name: &str) -> Result<(), ClientError> {
        self.call(Method::Post, &format!("/actions/{name}"), None).map(drop)
    }

    /// When what happened since the kernel started.
    pub fn boot(&self) -> Result<BootReport, ClientError> {
        self.get_json("/v1/boot")
    }

    /// All services as they stand.
    pub fn services(&self) -> Result<ServiceList, ClientError> {
        self.get_json("/v1/services")
    }

    /// What the kernel refused.
    pub fn denials(&self) -> Result<DenialList, ClientError> {
        self.get_json("/v1/denials")
    }

    /// All workloads as they stand.
    pub fn workloads(&self) -> Result<WorkloadList, ClientError> {
        self.get_json("/v1/workloads")
    }

    /// Links, addresses and name servers as they stand.
    pub fn network(&self) -> Result<NetworkStatus, ClientError> {
        self.get_json("/v1/network")
    }

    /// Log records ([`ampoule_api_types::v1::LogRecord`]) as JSON lines.
    pub fn logs(&self, query: &LogQuery) -> Result<Lines, ClientError> {
        self.lines(&query.path())
    }

    /// Asks the node to restart; returns once it has agreed. A node that goes down faster than its answer travels has agreed too.
    pub fn reboot(&self) -> Result<(), ClientError> {
        match self.call(Method::Post, "/actions/reboot", None) {
            Ok(_) | Err(ClientError::Broken(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Differs from call to call within this process.
fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
