//! Values of Kubernetes: the words and forms that kubelet takes.

use crate::checked_text::{checked_text, must};
use crate::choice::choice;
use crate::number::bounded_number;
use crate::types::OneOrMany;
use crate::{Described, described::described_text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::IpAddr;

choice! {
    /// How kubelet shows the API server who it is.
    AuthenticationMode { Aws = "aws", Tls = "tls" }
    /// Who tells kubelet about the machine it is on; empty for nobody.
    CloudProvider { Nobody = "", Aws = "aws", External = "external" }
    /// What a lack of shows that the node is under pressure.
    EvictionKey {
        Memory = "memory.available",
        NodeFs = "nodefs.available",
        NodeFsInodes = "nodefs.inodesFree",
        ImageFs = "imagefs.available",
        ImageFsInodes = "imagefs.inodesFree",
        Pids = "pid.available",
    }
    /// A resource that is kept from pods.
    ReservedResource { Cpu = "cpu", Memory = "memory", EphemeralStorage = "ephemeral-storage", Pid = "pid" }
    /// Whether containers may have processors for themselves.
    CpuManagerPolicy { None = "none", Static = "static" }
    /// What is placed on one NUMA node together.
    TopologyManagerScope { Container = "container", Pod = "pod" }
    /// How strict that is.
    TopologyManagerPolicy { None = "none", Restricted = "restricted", BestEffort = "best-effort", SingleNumaNode = "single-numa-node" }
    /// Whether containers may have memory of a NUMA node for themselves.
    MemoryManagerPolicy { None = "None", Static = "Static" }
    /// Whether pods may use swap.
    MemorySwapBehavior { NoSwap = "NoSwap", LimitedSwap = "LimitedSwap" }
    /// Whether the kernel keeps memory for pods that asked for it.
    MemoryReservationPolicy { None = "None", TieredReservation = "TieredReservation" }
    /// Where the node's name in the cluster comes from.
    HostnameOverrideSource { PrivateDnsName = "private-dns-name", InstanceId = "instance-id" }
}

checked_text! {
    /// The name of a cluster: a label value, or what EKS allows.
    ClusterName = check_cluster_name, "letters, digits, `-`, `_` and `.`, at most 100, a letter or digit first";
    /// A token of the form that kubeadm makes.
    @hidden BootstrapToken = check_bootstrap_token, "a token like \"abcdef.0123456789abcdef\"";
    /// A domain (RFC 1034) that is not an address.
    DnsDomain = check_domain, "a domain without a leading dot, for example \"cluster.local\"";
    /// The key of a label or taint: a name, maybe with a domain and `/` before it.
    LabelKey = check_label_key, "a name of at most 63 letters, digits, `-`, `_` and `.`, maybe with \"domain/\" before it";
    /// The value of a label.
    LabelValue = check_label_value, "at most 63 letters, digits, `-`, `_` and `.`, the first and last a letter or digit";
    /// The value of a taint, maybe empty, and its effect.
    TaintValue = check_taint, "VALUE:EFFECT or :EFFECT, for example \"gpu:NoSchedule\"";
    /// An amount as Kubernetes writes it.
    Quantity = check_quantity, "an amount like \"100m\", \"512Mi\" or \"2\"";
    /// A share in percent or an amount.
    Threshold = check_threshold, "a share like \"10%\" or an amount like \"100Mi\"";
    /// An option of the static CPU manager.
    CpuManagerPolicyOption = check_policy_option, "an option like \"full-pcpus-only\"";
    /// The number of a NUMA node.
    NumaNode = check_numa_node, "the number of a NUMA node, for example \"0\"";
}

bounded_number! {
    /// A share in percent.
    @or_text Percent = 0, 100, "a whole number from 0 to 100";
    /// A whole number that is not negative.
    NonNegative = 0, i32::MAX as i64, "a whole number, 0 or more";
    /// User ids of a pod: a multiple of 65536.
    IdsPerPod = 1, i64::MAX, "a multiple of 65536, above 0";
}

/// Addresses of the cluster's DNS.
pub type ClusterDnsIp = OneOrMany<IpAddr>;

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Factor(f64);

impl Factor {
    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Factor {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, String> {
        must((0.0..=1.0).contains(&number), "this is not a share")?;
        Ok(Self(number))
    }
}

impl From<Factor> for f64 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

impl Described for Factor {
    const ALLOWED: &'static str = "a number from 0 to 1";

    fn schema() -> Value {
        json!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// The name of a node or pod: a host name that Kubernetes takes too (RFC 1123).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeName(ampoule_base::HostName);

impl NodeName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

described_text! {
    NodeName = "small letters, digits, `-` and `.`, for example \"node-1.example\"";
}

fn check_cluster_name(text: &str) -> Result<(), String> {
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    must(first && rest && text.len() <= 100, "this is not the name of a cluster")
}

fn check_bootstrap_token(text: &str) -> Result<(), String> {
    let part = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    must(text.split_once('.').is_some_and(|(id, secret)| part(id, 6) && part(secret, 16)), "this is not a bootstrap token")
}

fn check_domain(text: &str) -> Result<(), String> {
    let right = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let label = |l: &str| (1..=63).contains(&l.len()) && l.bytes().all(right) && !l.starts_with('-') && !l.ends_with('-');
    let name = text.strip_suffix('.').unwrap_or(text);
    // A last label of digits alone makes it an address (WHATWG URL, "ends in a number").
    let address = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    must(text.len() <= 253 && name.split('.').all(label) && !address, "this is not a domain")
}

/// Letters, digits, `-`, `_` and `.`, the first and last a letter or digit, at most 63.
fn is_name(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let middle = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    text.len() <= 63 && middle && ends(text.chars().next()) && ends(text.chars().last())
}

fn check_label_key(text: &str) -> Result<(), String> {
    let prefix = |p: &str| (1..=253).contains(&p.len()) && p.split('.').all(|label| !label.contains('_') && is_name(label));
    let is_right = match text.split_once('/') {
        Some((domain, name)) => prefix(domain) && is_name(name),
        None => is_name(text),
    };
    must(is_right, "this is not the key of a label or taint")
}

fn check_label_value(text: &str) -> Result<(), String> {
    must(text.is_empty() || is_name(text), "this is not the value of a label")
}

fn check_taint(text: &str) -> Result<(), String> {
    let effect = |e: &str| !e.is_empty() && e.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_right = text.split_once(':').is_some_and(|(value, e)| (value.is_empty() || is_name(value)) && effect(e));
    must(is_right && text.len() <= 253, "this is not the value and effect of a taint")
}

/// Takes a decimal number off the front (`1`, `1.`, `.5`, `1.5`); what is left.
fn after_decimal(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.bytes().any(|b| b.is_ascii_digit()) && number.matches('.').count() <= 1).then_some(rest)
}

fn check_quantity(text: &str) -> Result<(), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    must(text.len() <= 64 && after_decimal(unsigned).is_some_and(is_suffix), "this is not an amount")
}

/// `k8s.io/apimachinery/pkg/api/resource`: binary, decimal or exponent.
fn is_suffix(suffix: &str) -> bool {
    const UNITS: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let exponent = |e: &str| {
        let digits = e.strip_prefix(['+', '-']).unwrap_or(e);
        (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    };
    UNITS.contains(&suffix) || suffix.strip_prefix(['e', 'E']).is_some_and(exponent)
}

fn check_threshold(text: &str) -> Result<(), String> {
    let Some(percent) = text.strip_suffix('%') else { return check_quantity(text) };
    let is_right = after_decimal(percent).is_some_and(str::is_empty) && percent.parse::<f64>().is_ok_and(|p| (0.0..100.0).contains(&p));
    must(is_right, "this is not a share below 100 %")
}

fn check_policy_option(text: &str) -> Result<(), String> {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    must(text.len() <= 63 && text.split('-').all(word), "this is not an option")
}

fn check_numa_node(text: &str) -> Result<(), String> {
    must(text.len() <= 4 && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()), "this is not a number")
}
