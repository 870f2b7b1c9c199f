//! A port of a pod, at an address of this machine.

use std::{net::SocketAddr, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::Portforwarder};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use crate::{Access, error::AccessError};

/// How long it may take until a connection is there.
const PATIENCE: Duration = Duration::from_secs(30);
/// So many connections are carried at a time. The others wait.
const MAX_CONNECTIONS: usize = 16;

/// Carries connections to a port of a pod, until it is dropped. Whoever is on this machine can use it, as with `kubectl
/// port-forward`.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
    task: AbortHandle,
}

impl Forward {
    /// Where on this machine.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Access {
    /// Carries connections to a port of a pod. The first one is made at once, to see whether that is allowed.
    ///
    /// # Errors
    /// If the API server does not allow it, or if there is no such pod. What becomes of a connection that the pod does not
    /// accept, whoever uses it sees: it ends.
    pub async fn forward(&self, namespace: &str, pod: &str, port: u16) -> Result<Forward, AccessError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let away = |source| AccessError::Unreadable {
            file: "a port of this machine".into(),
            source: std::sync::Arc::new(source),
        };
        let first = self.open(&pods, pod, port).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(away)?;
        let address = listener.local_addr().map_err(away)?;
        let (this, pod) = (self.clone(), pod.to_owned());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            let mut ready = Some(first);
            while let Ok((stream, _)) = listener.accept().await {
                while connections.len() >= MAX_CONNECTIONS {
                    connections.join_next().await;
                }
                let (this, pods, pod, ready) = (this.clone(), pods.clone(), pod.clone(), ready.take());
                connections.spawn(async move {
                    let forward = match ready {
                        Some(forward) => Ok(forward),
                        None => this.open(&pods, &pod, port).await,
                    };
                    // Who uses the connection sees that it ends.
                    if let Ok(forward) = forward {
                        carry(stream, forward, port).await;
                    }
                });
            }
        });
        Ok(Forward { address, task: task.abort_handle() })
    }

    async fn open(&self, pods: &Api<Pod>, pod: &str, port: u16) -> Result<Portforwarder, AccessError> {
        match timeout(PATIENCE, pods.portforward(pod, &[port])).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(AccessError::Slow {
                server: self.server.clone(),
                what: "connect to the pod",
                limit: PATIENCE,
            }),
        }
    }
}

async fn carry(mut stream: TcpStream, mut forward: Portforwarder, port: u16) {
    let Some(mut pod) = forward.take_stream(port) else { return };
    let error = forward.take_error(port);
    let refused = async {
        match error {
            // It says nothing as long as all is well.
            Some(error) => error.await.is_some(),
            None => false,
        }
    };
    let work = copy_bidirectional(&mut stream, &mut pod);
    tokio::pin!(work, refused);
    tokio::select! {
        _ = &mut work => {}
        failed = &mut refused => if !failed { let _ = work.await; },
    }
    forward.abort();
}
