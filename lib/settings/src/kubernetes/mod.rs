//! `kubernetes`: the node as part of a cluster.

mod node;
pub mod types;

pub use node::{CredentialProvider, ReservedMemory, StaticPod};

use crate::SettingError;
use crate::namespace::namespace;
use crate::types::{Base64, CpuSet, KubernetesDuration, OneOrMany, Url};
use ampoule_base::{Identifier, SingleLine};
use std::collections::BTreeMap;
use std::net::IpAddr;
use types::*;

namespace! {
    /// The node as part of a Kubernetes cluster: how it joins, and what kubelet is told.
    Kubernetes "kubernetes"
    keys {
        /// The API server.
        api_server "api-server": Url, r#""https://api.cluster.example""#;
        /// The name of the cluster, for authentication with AWS.
        cluster_name "cluster-name": ClusterName, r#""production""#;
        /// The certificate of the cluster's authority: PEM, in base64.
        cluster_certificate "cluster-certificate": Base64, r#""LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==""#;
        /// How kubelet shows the API server who it is: with AWS' IAM, or with a certificate.
        authentication_mode "authentication-mode": AuthenticationMode, r#""tls""#;
        /// Whether kubelet runs with no cluster, for static pods alone.
        standalone_mode "standalone-mode": bool, "false";
        /// Who tells kubelet about the machine: an external program, or nobody if empty.
        cloud_provider "cloud-provider": CloudProvider, r#""external""#;
        /// Whether kubelet asks the cluster for a certificate of its own server.
        server_tls_bootstrap "server-tls-bootstrap": bool, "true";
        /// The certificate of kubelet's own server: PEM, in base64.
        server_certificate "server-certificate": Base64, r#""LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==""#;
        /// What the cloud calls this machine.
        provider_id "provider-id": Url, r#""aws:///eu-west-1a/i-0123456789abcdef0""#;
        /// The node's name in the cluster, in place of its host name.
        hostname_override "hostname-override": NodeName, r#""node-1.example""#;
        /// Where the node's name in the cluster comes from.
        hostname_override_source "hostname-override-source": HostnameOverrideSource, r#""private-dns-name""#;
        /// The node's address in the cluster.
        node_ip "node-ip": IpAddr, r#""10.0.0.5""#;
        /// Addresses of the cluster's DNS: one, or a list.
        cluster_dns_ip "cluster-dns-ip": ClusterDnsIp, r#"["10.100.0.10", "fd00::a"]"#;
        /// The domain of the cluster's services.
        cluster_domain "cluster-domain": DnsDomain, r#""cluster.local""#;
        /// Most pods at once.
        max_pods "max-pods": u32, "110";
        /// Most processes of a pod; -1 is no limit.
        pod_pids_limit "pod-pids-limit": i64, "1048576";
        /// How much kubelet says: 0 is least.
        log_level "log-level": u8, "2";
        /// Longest wait, in seconds, for a pod that is moved away when a soft threshold is crossed.
        eviction_max_pod_grace_period "eviction-max-pod-grace-period": NonNegative, "60";
        /// Processors for the system alone.
        reserved_cpus "reserved-cpus": CpuSet, r#""0-1""#;
        /// Whether limits of processor time are kept.
        cpu_cfs_quota_enforced "cpu-cfs-quota-enforced": bool, "true";
        /// Whether containers may have processors for themselves.
        cpu_manager_policy "cpu-manager-policy": CpuManagerPolicy, r#""static""#;
        /// How often the assignment of processors is checked.
        cpu_manager_reconcile_period "cpu-manager-reconcile-period": KubernetesDuration, r#""10s""#;
        /// Options of the static policy.
        cpu_manager_policy_options "cpu-manager-policy-options": Vec<CpuManagerPolicyOption>, r#"["full-pcpus-only"]"#;
        /// What is placed on one NUMA node together.
        topology_manager_scope "topology-manager-scope": TopologyManagerScope, r#""pod""#;
        /// How strict that is.
        topology_manager_policy "topology-manager-policy": TopologyManagerPolicy, r#""best-effort""#;
        /// Whether NUMA nodes near to each other are preferred.
        prefer_closest_numa_nodes "prefer-closest-numa-nodes": bool, "true";
        /// Most NUMA nodes with which kubelet works.
        max_allowable_numa_nodes "max-allowable-numa-nodes": NonNegative, "8";
        /// Whether containers may have memory of a NUMA node for themselves.
        memory_manager_policy "memory-manager-policy": MemoryManagerPolicy, r#""Static""#;
        /// Whether pods may use swap.
        memory_swap_behavior "memory-swap-behavior": MemorySwapBehavior, r#""LimitedSwap""#;
        /// Whether the kernel keeps memory for pods that asked for it.
        memory_reservation_policy "memory-reservation-policy": MemoryReservationPolicy, r#""TieredReservation""#;
        /// Share of its limit from which a pod's use of memory is slowed.
        memory_throttling_factor "memory-throttling-factor": Factor, "0.9";
        /// Images fetched in a second; 0 is no limit.
        registry_qps "registry-qps": i32, "5";
        /// Images fetched at once before that counts.
        registry_burst "registry-burst": i32, "10";
        /// Events told in a second; 0 is no limit.
        event_qps "event-qps": i32, "50";
        /// Events told at once before that counts.
        event_burst "event-burst": i32, "100";
        /// Requests to the API server in a second.
        kube_api_qps "kube-api-qps": i32, "50";
        /// Requests at once before that counts.
        kube_api_burst "kube-api-burst": i32, "100";
        /// Largest file of a container's output before a new one begins.
        container_log_max_size "container-log-max-size": Quantity, r#""10Mi""#;
        /// How many such files are kept.
        container_log_max_files "container-log-max-files": i32, "5";
        /// How many of them are dealt with at once.
        container_log_max_workers "container-log-max-workers": i32, "1";
        /// How often they are looked at.
        container_log_monitor_interval "container-log-monitor-interval": KubernetesDuration, r#""10s""#;
        /// Use of the disk, in percent, above which images are always removed.
        image_gc_high_threshold_percent "image-gc-high-threshold-percent": Percent, "85";
        /// Use of the disk, in percent, down to which images are removed.
        image_gc_low_threshold_percent "image-gc-low-threshold-percent": Percent, "80";
        /// How long an unused image is kept at least.
        image_minimum_gc_age "image-minimum-gc-age": KubernetesDuration, r#""2m""#;
        /// How long an unused image is kept at most.
        image_maximum_gc_age "image-maximum-gc-age": KubernetesDuration, r#""168h""#;
        /// Images fetched at the same time.
        max_parallel_image_pulls "max-parallel-image-pulls": NonNegative, "4";
        /// Sysctls outside the safe set that pods may ask for.
        allowed_unsafe_sysctls "allowed-unsafe-sysctls": Vec<SingleLine>, r#"["net.core.somaxconn"]"#;
        /// Whether pods have the runtime's seccomp profile unless they say otherwise.
        seccomp_default "seccomp-default": bool, "true";
        /// Whether devices belong to the user of the pod that asked for them.
        device_ownership_from_security_context "device-ownership-from-security-context": bool, "true";
        /// Whether only the one process is ended, instead of its whole container, when memory runs out.
        single_process_oom_kill "single-process-oom-kill": bool, "false";
        /// User ids of a pod with a user namespace of its own.
        ids_per_pod "ids-per-pod": IdsPerPod, "65536";
        /// How long pods have to end when the node shuts down.
        shutdown_grace_period "shutdown-grace-period": KubernetesDuration, r#""30s""#;
        /// The part of it that critical pods have for themselves.
        shutdown_grace_period_for_critical_pods "shutdown-grace-period-for-critical-pods": KubernetesDuration, r#""10s""#;
        /// Has no effect: the pause image is part of the system.
        pod_infra_container_image "pod-infra-container-image": SingleLine, r#""registry.example/pause:3.10""#;
        /// The container engine's socket.
        container_runtime_endpoint "container-runtime-endpoint": SingleLine, r#""unix:///run/containerd/containerd.sock""#;
        /// Whether kubelet runs static pods at all.
        static_pods_enabled "static-pods-enabled": bool, "true";
    }
    secrets {
        /// A token with which the node joins, as kubeadm makes it.
        bootstrap_token "bootstrap-token": BootstrapToken, r#""abcdef.0123456789abcdef""#;
        /// The private key of kubelet's own server: PEM, in base64.
        server_key "server-key": Base64, r#""LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==""#;
    }
    maps {
        /// A label that the node has when it joins.
        node_labels "node-labels": LabelKey => LabelValue, "example.com/role" = r#""gpu""#;
        /// Taints of a key that the node has when it joins: one, or a list.
        node_taints "node-taints": LabelKey => OneOrMany<TaintValue>, "example.com/dedicated" = r#"["gpu:NoSchedule"]"#;
        /// A lack of what makes kubelet move pods away at once.
        eviction_hard "eviction-hard": EvictionKey => Threshold, "memory.available" = r#""15%""#;
        /// A lack of what makes kubelet move pods away after a while.
        eviction_soft "eviction-soft": EvictionKey => Threshold, "memory.available" = r#""20%""#;
        /// How long that while is.
        eviction_soft_grace_period "eviction-soft-grace-period": EvictionKey => KubernetesDuration, "memory.available" = r#""30s""#;
        /// Resources for kubelet and the container engine.
        kube_reserved "kube-reserved": ReservedResource => Quantity, "memory" = r#""255Mi""#;
        /// Resources for the rest of the system.
        system_reserved "system-reserved": ReservedResource => Quantity, "cpu" = r#""10m""#;
    }
    groups {
        /// Programs that get credentials for registries.
        credential_providers "credential-providers": BTreeMap<Identifier, CredentialProvider>;
        /// Pods that kubelet runs from these settings.
        static_pods "static-pods": BTreeMap<Identifier, StaticPod>;
        /// Memory that pods with memory of their own do not get.
        memory_manager_reserved_memory "memory-manager-reserved-memory": BTreeMap<NumaNode, ReservedMemory>;
    }
}

/// Soft thresholds have a while; the rest is in the groups.
pub(crate) fn check_together(kubernetes: &Kubernetes, errors: &mut Vec<SettingError>) {
    for name in kubernetes.eviction_soft.keys().filter(|name| !kubernetes.eviction_soft_grace_period.contains_key(name)) {
        let key = crate::path::join(["kubernetes", "eviction-soft-grace-period", name.as_str()]);
        errors.push(SettingError::value(&key, "kubelet does not start with a soft threshold that has no grace period", "set it too"));
    }
    if let (Some(low), Some(high)) = (kubernetes.image_gc_low_threshold_percent, kubernetes.image_gc_high_threshold_percent)
        && low >= high
    {
        let key = "kubernetes.image-gc-low-threshold-percent";
        errors.push(SettingError::value(key, "kubelet does not start unless it is below `image-gc-high-threshold-percent`", "lower it"));
    }
    if kubernetes.ids_per_pod.is_some_and(|ids| ids.get() % 65_536 != 0) {
        errors.push(SettingError::value("kubernetes.ids-per-pod", "this is not a multiple of 65536", "write 65536 or a multiple of it"));
    }
    node::check_together(kubernetes, errors);
}
