//! The two nodes behind every proxy: an nginx that answers small and big GETs, plain and over TLS, and an upload server
//! of our own, which reads bodies whole before it answers, and echoes what comes through a tunnel.

use std::env;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::process::Command;

use crate::columns::Kind;
use crate::ports::{Ports, wait_for};
use crate::process::Process;
use crate::result::Result;
use crate::testbed::{Testbed, write_file};
use crate::upload_server;

/// What a small answer holds: 70 bytes.
const SMALL: &str = "a small answer, as a service gives it: seventy bytes, no more, no less";

/// Nodes of the workload that has many of them.
pub(crate) const MANY: usize = 1000;

/// Both programs; they end when dropped.
pub(crate) struct Origins {
    /// The one that answers GETs.
    pub(crate) nginx: Process,
    /// The one that reads bodies and echoes.
    pub(crate) upload: Process,
}

/// The first of two adjacent ports each.
pub(crate) struct OriginPorts {
    /// HTTP.
    pub(crate) plain: u16,
    /// HTTP/1.1 over TLS.
    pub(crate) tls: u16,
    /// HTTP/2 and 1.1 over TLS, for the floor alone.
    pub(crate) h2: u16,
    /// The upload server.
    pub(crate) upload: u16,
}

impl OriginPorts {
    /// Where they are.
    pub(crate) fn of(testbed: &Testbed) -> Self {
        let first = testbed.ports;
        Self { plain: first, tls: first + 2, h2: first + 4, upload: first + 6 }
    }
}

impl Origins {
    /// Starts them, and waits until they answer.
    pub(crate) fn start(testbed: &Testbed) -> Result<Self> {
        let ports = OriginPorts::of(testbed);
        let (dir, upload_dir) = (testbed.empty_dir("origin")?, testbed.empty_dir("upload")?);
        let file = dir.join("nginx.conf");
        write_file(&file, &configuration(testbed, &ports))?;
        let mut command = Command::new(Kind::Nginx.program());
        let mut nginx =
            Process::start("origin", command.arg("-e").arg(dir.join("error.log")).arg("-c").arg(file), &dir)?;
        let own = env::current_exe().map_err(|error| format!("versus does not know its own path: {error}"))?;
        let mut command = Command::new(own);
        command.arg(upload_server::ARGUMENT).arg(ports.upload.to_string()).arg((ports.upload + 1).to_string());
        let mut upload = Process::start("upload", &mut command, &upload_dir)?;
        let floor = Ports { http: ports.plain, https: ports.tls, edge: ports.h2, upload: ports.upload };
        wait_for(&mut nginx, &floor)?;
        upload.alive()?;
        Ok(Self { nginx, upload })
    }
}

/// The addresses of many nodes, all on the plain origin's first port.
pub(crate) fn many() -> impl Iterator<Item = Ipv4Addr> {
    (0..MANY).map(|node| Ipv4Addr::new(127, 1, (node / 250) as u8, (node % 250 + 1) as u8))
}

fn configuration(testbed: &Testbed, ports: &OriginPorts) -> String {
    let dir = testbed.dir.join("origin");
    let mut text = nginx_head(&dir.to_string_lossy(), 1);
    let (chain, key) = (testbed.chain.display(), testbed.key.display());
    let _ = write!(
        text,
        "  keepalive_requests 100000000; keepalive_timeout 3600; client_max_body_size 0;\n  ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {chain}; ssl_certificate_key {key};\n"
    );
    for node in 0..2 {
        let _ = write!(text, "  server {{\n    listen 127.0.0.1:{} backlog=4096;\n", ports.plain + node);
        if node == 0 {
            many().for_each(|address| {
                let _ = writeln!(text, "    listen {address}:{};", ports.plain);
            });
        }
        let _ = write!(
            text,
            "    listen 127.0.0.1:{0} ssl backlog=4096;\n    listen 127.0.0.1:{1} ssl http2 backlog=4096;\n    \
             default_type text/plain;\n    location / {{ return 200 \"{SMALL}\"; }}\n    location = /login {{ add_header \
             Set-Cookie \"JSESSIONID=$request_id; Path=/; HttpOnly\"; add_header X-Node {node}; return 200 in; }}\n    \
             location = /node {{ add_header X-Node {node}; return 200 in; }}\n    location = /big {{ root \
             {2}/www; }}\n    location = /slow {{ root {2}/www; }}\n  }}\n",
            ports.tls + node,
            ports.h2 + node,
            testbed.dir.display(),
        );
    }
    text + "}\n"
}

/// What both the origin and the proxy nginx begin with: Debian's nginx.conf, in a directory of its own.
pub(crate) fn nginx_head(dir: &str, workers: usize) -> String {
    // Workers that root starts would become "nobody", who may not write into our directory.
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let mut text = format!(
        "{user}daemon off; pid {dir}/pid; worker_processes {workers}; worker_rlimit_nofile 20000;\nerror_log \
         {dir}/error.log error;\nevents {{ worker_connections 19000; }}\nhttp {{\n  sendfile on; tcp_nopush on; \
         types_hash_max_size 2048; access_log off;\n"
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(text, "  {kind}_temp_path {dir}/{kind};");
    }
    text
}
