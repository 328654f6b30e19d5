//! What all workloads stand on.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use ampoule_workload::{Reference, Workloads};

use crate::{
    engine::Engine, error::HostError, files, network::Network, options::Options, output::Sink, quota::Quota, register::Register,
    status::Board,
};

/// What every worker uses.
pub(crate) struct Ground {
    /// Paths.
    pub(crate) options: Options,
    /// containerd.
    pub(crate) engine: Engine,
    /// The workloads' network.
    pub(crate) network: Network,
    /// What keeps each from the others.
    pub(crate) register: Register,
    /// What each may take of the disk.
    pub(crate) quota: Arc<Quota>,
    /// Their status.
    pub(crate) board: Board,
    /// Their output.
    pub(crate) sink: Sink,
    wanted_images: Mutex<BTreeSet<String>>,
}

impl Ground {
    /// Puts the parts together.
    pub(crate) fn new(options: Options, engine: Engine, network: Network, register: Register, quota: Arc<Quota>, board: Board) -> Self {
        let sink = Sink::start(options.log.clone());
        Self { options, engine, network, register, quota, board, sink, wanted_images: Mutex::default() }
    }

    /// A workload's own folder below `/run`, made if it is not there.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, HostError> {
        let folder = self.options.run.join("workloads").join(name);
        files::make_folder(&folder)?;
        Ok(folder)
    }

    /// Says which images may stay.
    pub(crate) fn name_wanted_images(&self, wanted: &Workloads) {
        let names = wanted.values().filter_map(|workload| Reference::parse(&workload.image).ok());
        let names = names.map(|reference| reference.to_string()).collect();
        *self.wanted_images.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// Forgets images that no workload names. Called when one may have become free: after a
    /// container runs from another image, and after a workload is gone.
    pub(crate) async fn remove_unused_images(&self) {
        if let Err(error) = self.try_remove_unused_images().await {
            log::warn!("unused images are left: {error}");
        }
    }

    async fn try_remove_unused_images(&self) -> Result<(), HostError> {
        for name in self.engine.image_names().await? {
            // Looked up for each: what is wanted may change while we wait for containerd.
            if !self.wanted_images.lock().unwrap_or_else(PoisonError::into_inner).contains(&name) {
                log::info!("image {name} is not used any more");
                self.engine.remove_image(&name).await?;
            }
        }
        Ok(())
    }
}
