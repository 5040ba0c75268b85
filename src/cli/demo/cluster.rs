//! The nodes of the guide as stubs in this process: two workers and a manager that can be stopped and started by name.

use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::layout::{MANAGER, NODES, NodePorts};
use super::{manager, worker};
use crate::cli::rig::stub::Stub;

/// The stubs, running or stopped.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) ports: NodePorts,
    nodes: Vec<Node>,
    tls: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Node {
    name: &'static str,
    address: IpAddr,
    running: Option<Stub>,
}

impl Cluster {
    /// Starts all of them on ports that are free at every address.
    pub(super) async fn start(tls: Arc<ServerConfig>) -> Result<Self> {
        let mut refused = None;
        for offset in (0..50).map(|step| step * 10) {
            let nodes = NODES.map(|(name, address)| Node { name, address, running: None }).into();
            let mut cluster = Self { ports: NodePorts::moved(offset), nodes, tls: tls.clone() };
            match cluster.start_all().await {
                Ok(()) => return Ok(cluster),
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| ErrorKind::AddrInUse.into()))
    }

    /// Starts a stopped node, which then knows nothing of its former sessions.
    pub(super) async fn start_node(&mut self, name: &str) -> Result<()> {
        let (ports, tls) = (self.ports, self.tls.clone());
        let node = self.node(name)?;
        if node.running.is_none() {
            node.running = Some(node.begin(ports, &tls).await?);
        }
        Ok(())
    }

    /// Stops a node: from now on connecting to it is refused.
    pub(super) async fn stop_node(&mut self, name: &str) -> Result<()> {
        if let Some(stub) = self.node(name)?.running.take() {
            stub.stop().await;
        }
        Ok(())
    }

    async fn start_all(&mut self) -> Result<()> {
        for (name, _) in NODES {
            self.start_node(name).await?;
        }
        Ok(())
    }

    fn node(&mut self, name: &str) -> Result<&mut Node> {
        let found = self.nodes.iter_mut().find(|node| node.name == name);
        found.ok_or_else(|| Error::other(format!("no node is called {name:?}; nodes here: worker1, worker2, manager")))
    }
}

impl Node {
    async fn begin(&self, ports: NodePorts, tls: &Arc<ServerConfig>) -> Result<Stub> {
        let console = (TcpListener::bind((self.address, ports.console)).await?, Some(tls.clone()));
        if self.name == MANAGER {
            return Ok(Stub::start(vec![console], &manager::service()));
        }
        let http = (TcpListener::bind((self.address, ports.http)).await?, None);
        let https = (TcpListener::bind((self.address, ports.https)).await?, Some(tls.clone()));
        Ok(Stub::start(vec![http, https, console], &worker::service(self.name)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::PathBuf;
    use std::time::SystemTime;

    use tokio::sync::{Mutex, MutexGuard};

    use super::super::certificates::{self, Certificates};
    use super::super::client::{Client, ClientRequest, Reply};
    use super::*;

    /// The stubs without Weir in front, asked at a worker's plain port or, over TLS, with no name that its
    /// certificate could bear.
    struct Scene {
        cluster: Cluster,
        client: Client,
        directory: PathBuf,
        /// Ports of a node that one test has stopped must not be taken by another's cluster.
        _alone: MutexGuard<'static, ()>,
    }

    static ALONE: Mutex<()> = Mutex::const_new(());

    impl Scene {
        async fn start(name: &str) -> Self {
            let alone = ALONE.lock().await;
            let directory = std::env::temp_dir().join(format!("weir-stubs-{}-{name}", std::process::id()));
            let Certificates { authority_der, node_tls, .. } =
                certificates::create(&directory, SystemTime::now()).unwrap();
            let cluster = Cluster::start(node_tls).await.unwrap();
            Self { cluster, client: Client::new(authority_der).unwrap(), directory, _alone: alone }
        }

        async fn get(&self, path: &'static str) -> Result<Reply> {
            self.client.ask(&self.question(path)).await
        }

        fn question(&self, path: &'static str) -> ClientRequest {
            let address = SocketAddr::from(([127, 0, 0, 1], self.cluster.ports.http));
            ClientRequest { address, host: "esb.wso2.com".to_owned(), secure: false, path, body: None, cookie: None }
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    #[tokio::test]
    async fn a_worker_answers_as_pass_through_does() {
        let scene = Scene::start("quirks").await;
        let local = format!("http://127.0.0.1:{}", scene.cluster.ports.http);
        let cases = [
            ("/services/hello", 200, "<node>worker1</node>".to_owned()),
            ("/services/echo", 200, "GET /services/echo HTTP/1.1".to_owned()),
            ("/services/fault", 500, "<soapenv:Fault>".to_owned()),
            ("/services/async", 202, format!("Location: {local}/services/async/1\n")),
            ("/services/slow?ms=1", 200, "<ms>1</ms>".to_owned()),
            ("/services/hello?wsdl", 200, "worker1".to_owned()),
            ("/services/Version?wsdl", 200, "location=\"http://esb.wso2.com/services/Version\"".to_owned()),
            ("/nothing/here", 202, "Transfer-Encoding: chunked".to_owned()),
        ];
        for (path, status, text) in cases {
            let reply = scene.get(path).await.unwrap();
            let whole = format!("{}{}", reply.head.text.replace('\r', ""), reply.body);
            assert_eq!(reply.status, status, "{path}");
            assert!(whole.contains(&text), "{path}: {text:?} is not in\n{whole}");
        }
        let posted = scene
            .client
            .ask(&ClientRequest { body: Some("<ping/>"), ..scene.question("/services/echo") })
            .await
            .unwrap();
        assert_eq!(posted.body, "<ping/>");
    }

    #[tokio::test]
    async fn a_stopped_node_refuses_and_a_started_one_answers() {
        let mut scene = Scene::start("stop").await;
        for _ in 0..3 {
            scene.cluster.stop_node("worker1").await.unwrap();
            assert_eq!(scene.get("/services/hello").await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
            scene.cluster.start_node("worker1").await.unwrap();
            assert_eq!(scene.get("/services/hello").await.unwrap().status, 200);
        }
        let unknown = scene.cluster.stop_node("worker3").await.unwrap_err().to_string();
        assert!(unknown.contains("worker1, worker2, manager"), "{unknown}");
    }

    #[tokio::test]
    async fn the_nodes_certificate_is_not_trusted_by_name() {
        let scene = Scene::start("tls").await;
        let address = SocketAddr::from(([127, 0, 0, 3], scene.cluster.ports.console));
        let ask = ClientRequest { address, secure: true, ..scene.question("/carbon/") };
        let refused = scene.client.ask(&ask).await.unwrap_err().to_string();
        assert!(refused.contains("certificate"), "{refused}");
    }
}
