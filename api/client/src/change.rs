//! Changes of settings with all that the node does for them: plans, trials, generations, events.

use ampoule_api_types::v1::{
    ApplyReport, ApplyRequest, ConfirmRequest, GenerationDetail, GenerationDiff, GenerationList, Plan, PlanRequest, RestoreRequest,
    StandingInfo, UserDataRequest, UserDataStatus,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Client, ClientError, Lines, Method, client::decode, query::with_query};

impl Client {
    /// What a change would do; nothing is done.
    pub fn plan(&self, request: &PlanRequest) -> Result<Plan, ClientError> {
        self.exchange("/v1/plan", request)
    }

    /// What the change pending in a transaction would do.
    pub fn plan_of(&self, transaction: &str) -> Result<Plan, ClientError> {
        let path = with_query("/v1/plan", &[("tx", Some(transaction.to_owned()))]);
        self.exchange(&path, &PlanRequest::default())
    }

    /// Makes a change and carries it out; what became of it so far.
    pub fn apply(&self, request: &ApplyRequest) -> Result<ApplyReport, ClientError> {
        self.patient().exchange("/v1/apply", request)
    }

    /// What became of an apply.
    pub fn apply_report(&self, id: u64) -> Result<ApplyReport, ClientError> {
        self.get_json(&format!("/v1/applies/{id}"))
    }

    /// Says that a generation is good.
    pub fn confirm(&self, generation: u64) -> Result<StandingInfo, ClientError> {
        self.exchange("/v1/confirm", &ConfirmRequest { generation })
    }

    /// Goes back to the last confirmed generation.
    pub fn rollback(&self) -> Result<StandingInfo, ClientError> {
        let answer = self.patient().call(Method::Post, "/v1/rollback", None)?;
        decode("/v1/rollback", &answer.body)
    }

    /// Every generation that is kept, and which counts.
    pub fn generations(&self) -> Result<GenerationList, ClientError> {
        self.get_json("/v1/generations")
    }

    /// One of them with what people chose.
    pub fn generation(&self, number: u64) -> Result<GenerationDetail, ClientError> {
        self.get_json(&format!("/v1/generations/{number}"))
    }

    /// What lies between two of them.
    pub fn generation_diff(&self, from: u64, to: u64) -> Result<GenerationDiff, ClientError> {
        self.get_json(&with_query(&format!("/v1/generations/{from}/diff"), &[("to", Some(to.to_string()))]))
    }

    /// Makes the content of an earlier generation the newest.
    pub fn restore(&self, number: u64, request: &RestoreRequest) -> Result<ApplyReport, ClientError> {
        self.patient().exchange(&format!("/v1/generations/{number}/restore"), request)
    }

    /// Whether the user data that the node sees differs from what it took.
    pub fn user_data(&self) -> Result<UserDataStatus, ClientError> {
        self.get_json("/v1/user-data")
    }

    /// Takes it.
    pub fn apply_user_data(&self, request: &UserDataRequest) -> Result<ApplyReport, ClientError> {
        self.patient().exchange("/v1/user-data/apply", request)
    }

    /// Server-sent events, line by line, as they happen.
    pub fn events(&self) -> Result<Lines, ClientError> {
        self.lines("/v1/events")
    }

    fn exchange<Q: Serialize, A: DeserializeOwned>(&self, path: &str, request: &Q) -> Result<A, ClientError> {
        decode(path, &self.send_json(Method::Post, path, request)?.body)
    }
}
