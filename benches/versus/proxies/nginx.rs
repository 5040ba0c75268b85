//! nginx with Debian's defaults and what any guide adds: HTTP/1.1 and 64 idle connections to the nodes, the forwarding
//! fields, and enough connections. Buffers are untouched.

use std::fmt::Write;

use super::plan::{Plan, Shape};
use crate::origins::{many, nginx_head};
use crate::testbed::site_host;

/// Its nginx.conf.
pub(super) fn configuration(plan: &Plan<'_>) -> String {
    let dir = plan.dir.to_string_lossy();
    let mut text = nginx_head(&dir, plan.testbed.threads);
    if plan.logged {
        text = text.replace("access_log off;", &format!("access_log {dir}/access.log;"));
    }
    let (chain, key) = (plan.testbed.chain.display(), plan.testbed.key.display());
    let _ = write!(
        text,
        "  tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 3600; client_max_body_size 0;\n  \
         ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers on; ssl_certificate {chain}; ssl_certificate_key \
         {key};\n  server_names_hash_max_size 16384; server_names_hash_bucket_size 128;\n  map $http_upgrade \
         $connection_upgrade {{ default upgrade; '' ''; }}\n"
    );
    upstreams(&mut text, plan);
    text.push_str(
        "  proxy_http_version 1.1; proxy_read_timeout 5m; proxy_send_timeout 5m;\n  proxy_set_header Connection \
         $connection_upgrade; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $http_host;\n  \
         proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Server $host;\n  proxy_set_header \
         X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;\n",
    );
    let ports = plan.ports;
    for (listen, to) in [
        (format!("127.0.0.1:{} backlog=4096", ports.http), "http://plain"),
        (format!("127.0.0.1:{} ssl http2 backlog=4096", ports.https), "https://tls"),
        (format!("127.0.0.1:{} ssl http2 default_server backlog=4096", ports.edge), "http://plain"),
        (format!("127.0.0.1:{} backlog=4096", ports.upload), "http://upload"),
    ] {
        let _ = writeln!(text, "  server {{ listen {listen}; location / {{ proxy_pass {to}; }} }}");
    }
    if let Shape::Sites(count) = plan.shape {
        let dir = plan.testbed.dir.join("sites");
        for site in 0..count {
            let _ = writeln!(
                text,
                "  server {{ listen 127.0.0.1:{} ssl http2; server_name {}; ssl_certificate {2}/{site}.chain.pem; \
                 ssl_certificate_key {2}/{site}.key.pem; location / {{ proxy_pass http://plain; }} }}",
                ports.edge,
                site_host(site),
                dir.display(),
            );
        }
    }
    text + "}\n"
}

fn upstreams(text: &mut String, plan: &Plan<'_>) {
    let plain = plan.origins.plain;
    let (plain, kept) = match plan.shape {
        // 64 for a thousand nodes would mean a new connection for each request.
        Shape::Nodes(count) => (many().take(count).map(|address| format!("server {address}:{plain};")).collect(), 2048),
        _ => (pair(plain), 64),
    };
    // The open nginx cannot learn whose session a cookie is; by its hash is what its users do.
    let sticky = format!("hash $cookie_JSESSIONID consistent; {}", pair(plan.origins.tls));
    for (name, servers, kept) in
        [("plain", plain, kept), ("tls", sticky, 64), ("upload", pair(plan.origins.upload), 64)]
    {
        let _ = writeln!(
            text,
            "  upstream {name} {{ {servers} keepalive {kept}; keepalive_requests 100000000; keepalive_timeout 3600; }}"
        );
    }
}

fn pair(port: u16) -> String {
    format!("server 127.0.0.1:{port}; server 127.0.0.1:{};", port + 1)
}
