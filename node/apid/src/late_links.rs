//! Sysctls of network links that come while the node runs: `kernel-settings` is run again for each, since it can only write what is there.

use crate::Shared;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often links are looked at; only if a setting is about one.
const PAUSE: Duration = Duration::from_secs(2);
const READER: &str = "kernel-settings";

/// Follows the links that settings name.
pub(crate) async fn follow(node: Arc<Shared>) {
    let mut seen = present(&node).await;
    loop {
        tokio::time::sleep(PAUSE).await;
        let now = present(&node).await;
        // A change on trial is judged by what its services do; this is not its doing, and waits.
        if now.is_subset(&seen) || run_again(&node).await {
            seen = now;
        }
    }
}

/// The links that settings name and that are there.
async fn present(node: &Shared) -> BTreeSet<String> {
    let mut links = ampoule_plan::sysctl_links(&node.core.lock().await.state().settings);
    let folder = node.options.root.join("sys/class/net");
    links.retain(|link| folder.join(link).exists());
    links
}

async fn run_again(node: &Shared) -> bool {
    let _turn = node.turn.lock().await;
    if node.core.lock().await.standing().open.is_some() {
        return false;
    }
    let init = node.options.init.clone();
    let told = tokio::task::spawn_blocking(move || ampoule_initctl::InitClient::connect_at(&init).and_then(|init| init.reload(READER)));
    match told.await {
        Ok(Ok(_)) => log::info!("A link that sysctls are set for has come: {READER} runs again"),
        Ok(Err(error)) => log::warn!("{READER} does not run again for a link that has come: {}", ampoule_report::chain(&error)),
        Err(error) => log::warn!("{READER} does not run again for a link that has come: {error}"),
    }
    true
}
