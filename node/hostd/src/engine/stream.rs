//! Streams: named side channels of a call to containerd.

use containerd_client::{services::v1::StreamInit, to_any};
use futures_util::stream::unfold;
use prost_types::Any;
use tokio::sync::mpsc;
use tonic::Streaming;

use super::{Engine, failed, request};
use crate::error::HostError;

/// Both directions of one side channel. It ends when this is dropped.
pub(crate) struct SideChannel {
    outbound: mpsc::Sender<Any>,
    inbound: Streaming<Any>,
}

impl Engine {
    /// Opens a side channel that another call may then name as `id`.
    pub(crate) async fn side_channel(&self, id: &str) -> Result<SideChannel, HostError> {
        let action = "open a side channel";
        let (outbound, queue) = mpsc::channel(4);
        // The queue is new and has room: this cannot fail or wait.
        let _ = outbound.try_send(to_any(&StreamInit { id: id.to_owned() }));
        let messages = unfold(queue, |mut queue| async { queue.recv().await.map(|message| (message, queue)) });
        let answer = self.client.streaming().stream(request(messages)).await;
        let mut inbound = answer.map_err(failed(action))?.into_inner();
        // containerd says with one empty message that the name can be used.
        inbound.message().await.map_err(failed(action))?;
        Ok(SideChannel { outbound, inbound })
    }
}

impl SideChannel {
    /// The next message; `None` when containerd closed the channel.
    pub(crate) async fn receive(&mut self) -> Option<Any> {
        self.inbound.message().await.ok().flatten()
    }

    /// Sends a message; a closed channel swallows it.
    pub(crate) async fn send(&self, message: Any) {
        let _ = self.outbound.send(message).await;
    }
}
