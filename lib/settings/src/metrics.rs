//! `metrics`: what the node tells about its health.

use crate::namespace::namespace;
use crate::types::Url;
use ampoule_base::SingleLine;

namespace! {
    /// Reports about the node's health that it sends by itself. It sends none unless somebody turns it on.
    Metrics "metrics"
    keys {
        /// Where reports are sent.
        metrics_url "metrics-url": Url, r#""https://metrics.example/v1/metrics""#;
        /// Whether any are sent.
        send_metrics "send-metrics": bool, "false";
        /// Services whose state a report has.
        service_checks "service-checks": Vec<SingleLine>, r#"["apid", "containerd"]"#;
    }
}
