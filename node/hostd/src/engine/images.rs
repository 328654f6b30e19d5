//! Images and their documents.

use ampoule_workload::image::{ImageConfig, ImageError, MAX_DOCUMENT_BYTES, Target, follow};
use containerd_client::services::v1::{DeleteImageRequest, GetImageRequest, ListImagesRequest, ReadContentRequest};

use super::{Engine, failed, request};
use crate::error::{HostError, ignore_missing};

/// An index may point to an index; more than this is a loop somebody built.
const MAX_HOPS: usize = 4;

impl Engine {
    /// The digest of the image's root document, or `None` if the image is not here.
    pub(crate) async fn image_digest(&self, name: &str) -> Result<Option<String>, HostError> {
        let call = self.client.images().get(request(GetImageRequest { name: name.to_owned() })).await;
        match call.map_err(failed("look up the image")) {
            Ok(answer) => Ok(answer.into_inner().image.and_then(|image| image.target).map(|target| target.digest)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of all images here.
    pub(crate) async fn image_names(&self) -> Result<Vec<String>, HostError> {
        let call = self.client.images().list(request(ListImagesRequest::default())).await;
        let answer = call.map_err(failed("list images"))?.into_inner();
        Ok(answer.images.into_iter().map(|image| image.name).collect())
    }

    /// Forgets an image and waits until containerd has freed what no container uses.
    pub(crate) async fn remove_image(&self, name: &str) -> Result<(), HostError> {
        let wanted = DeleteImageRequest { name: name.to_owned(), sync: true, ..Default::default() };
        let answer = self.client.images().delete(request(wanted)).await;
        ignore_missing(answer.map(drop).map_err(failed("remove the image")))
    }

    /// The configuration of the image whose root document has this digest.
    pub(crate) async fn image_config(&self, digest: String) -> Result<ImageConfig, HostError> {
        let mut digest = digest;
        for _ in 0..MAX_HOPS {
            match follow(&self.read_document(&digest).await?)? {
                Target::Manifest(next) => digest = next,
                Target::Config(config) => {
                    return Ok(ImageConfig::parse(&self.read_document(&config).await?)?);
                }
            }
        }
        Err(ImageError::NoConfig.into())
    }

    async fn read_document(&self, digest: &str) -> Result<Vec<u8>, HostError> {
        let wanted = ReadContentRequest { digest: digest.to_owned(), ..Default::default() };
        let answer = self.client.content().read(request(wanted)).await;
        let mut parts = answer.map_err(failed("read the image's documents"))?.into_inner();
        let mut document = Vec::new();
        while let Some(part) = parts.message().await.map_err(failed("read the image's documents"))? {
            document.extend_from_slice(&part.data);
            if document.len() as u64 > MAX_DOCUMENT_BYTES {
                return Err(too_large(digest));
            }
        }
        Ok(document)
    }
}

fn too_large(digest: &str) -> HostError {
    HostError::Engine {
        action: "read the image's documents",
        message: format!("{digest} is larger than {MAX_DOCUMENT_BYTES} bytes"),
        is_missing: false,
    }
}
