//! The directives that nginx knows, and what is said of one that nothing else has looked at. Those that say nothing that
//! Weir would need stand in a table with the reason; every other is missing, and a word that nginx does not know is told
//! from one that Weir lacks.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::class::Class;
use super::class::Class::{Better, Changed, Ignored, Missing, Narrower, Same, Wider};
use super::parse::Directive;
use crate::config::suggestion;

/// All names that nginx, NGINX Plus and its usual modules know.
static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("known/names.txt").split_whitespace().collect());

/// Those that nginx refuses twice in one block, as it says itself when it is asked.
static ONCE: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("known/once.txt").split_whitespace().collect());

/// What is said of these wherever they stand.
#[rustfmt::skip]
pub const SETTLED: &[(&[&str], Class, &str)] = &[
    (&["http", "events", "include"], Same, ""),
    (&["user", "pid", "daemon", "master_process", "lock_file", "env", "working_directory", "worker_rlimit_nofile", "worker_rlimit_core",
       "worker_priority", "worker_cpu_affinity", "worker_shutdown_timeout", "pcre_jit", "timer_resolution", "thread_pool", "load_module"],
     Ignored, "a matter of the service: systemd starts weir.service as its own user"),
    (&["worker_processes"], Same, "threads: one per core"),
    (&["worker_connections", "accept_mutex", "accept_mutex_delay", "multi_accept", "use", "debug_connection", "worker_aio_requests"],
     Ignored, "connections have no limit; max-connections on the listener sets one"),
    (&["sendfile", "sendfile_max_chunk", "tcp_nopush", "tcp_nodelay", "aio", "aio_write", "directio", "output_buffers", "postpone_output",
       "connection_pool_size", "request_pool_size", "client_body_in_file_only", "client_body_in_single_buffer", "client_body_temp_path",
       "client_body_buffer_size", "reset_timedout_connection", "max_ranges", "read_ahead", "open_file_cache", "open_file_cache_valid",
       "open_file_cache_min_uses", "open_file_cache_errors", "subrequest_output_buffer_size", "msie_padding", "msie_refresh"],
     Ignored, "a matter of nginx's own memory and files"),
    (&["types", "default_type", "types_hash_max_size", "types_hash_bucket_size", "server_names_hash_max_size",
       "server_names_hash_bucket_size", "variables_hash_max_size", "variables_hash_bucket_size", "map_hash_max_size",
       "map_hash_bucket_size", "proxy_headers_hash_max_size", "proxy_headers_hash_bucket_size", "charset", "charset_types",
       "override_charset", "source_charset", "index", "autoindex", "autoindex_exact_size", "autoindex_format", "autoindex_localtime", "etag",
       "if_modified_since", "log_not_found", "disable_symlinks", "chunked_transfer_encoding"],
     Ignored, "a matter of files; Weir serves none"),
    (&["server_tokens"], Same, "Weir names itself nowhere; Server of a node passes"),
    (&["merge_slashes"], Same, "routes compare the path with slashes merged, the node gets the path as it came"),
    (&["underscores_in_headers"], Changed, "fields with underscores pass, unless they could be mistaken for one that Weir sets"),
    (&["ignore_invalid_headers"], Changed, "a request with a malformed field is refused with 400"),
    (&["lingering_close", "lingering_time", "lingering_timeout"], Same, "always, for 30 s in all and 5 s without a byte"),
    (&["absolute_redirect", "port_in_redirect"], Same, "redirects name the scheme, the host and the port that the client asked for"),
    (&["server_name_in_redirect"], Changed, "redirects name the host that the client asked for, not the first server_name"),
    (&["keepalive_disable", "keepalive_min_timeout", "keepalive_time"], Ignored, "connections last until idle-timeout or max-requests"),
    (&["client_header_buffer_size"], Ignored, "a head has memory only while it is read"),
    (&["log_format"], Changed, "two forms: log-format = \"combined\", nginx's with key=value pairs after it, or \"json\""),
    (&["open_log_file_cache", "log_subrequest", "rewrite_log"], Ignored, "logs are written by a thread of their own"),
    (&["gzip", "gunzip", "gzip_static"], Narrower, "answers pass as the nodes make them: let the nodes compress"),
    (&["gzip_types", "gzip_vary", "gzip_proxied", "gzip_comp_level", "gzip_min_length", "gzip_buffers", "gzip_http_version",
       "gzip_disable", "gunzip_buffers"], Ignored, "nothing is compressed here"),
    (&["ssl_ciphers", "ssl_prefer_server_ciphers", "ssl_dhparam", "ssl_ecdh_curve", "ssl_conf_command", "proxy_ssl_ciphers",
       "proxy_ssl_conf_command"], Better, "only safe ciphers are offered"),
    (&["ssl_session_cache", "ssl_session_timeout", "ssl_session_tickets", "ssl_session_ticket_key", "ssl_buffer_size", "ssl_early_data",
       "proxy_ssl_session_reuse"], Same, "sessions are resumed by tickets, which survive a reload"),
    (&["ssl_stapling", "ssl_stapling_verify", "ssl_stapling_file", "ssl_stapling_responder"], Narrower, "no OCSP answers are stapled"),
    (&["ssl_trusted_certificate"], Ignored, "only for stapling and client certificates"),
    (&["ssl_handshake_timeout"], Changed, "handshake-timeout of the listener, 10 s by default"),
    (&["proxy_ssl_protocols"], Better, "TLS 1.2 and 1.3 to the nodes"),
    (&["proxy_http_version"], Same, "HTTP/1.1 always"),
    (&["proxy_buffering", "proxy_buffers", "proxy_busy_buffers_size", "proxy_max_temp_file_size", "proxy_temp_file_write_size",
       "proxy_temp_path", "proxy_limit_rate"], Changed, "answers are streamed; at most 256 KiB of a request are held"),
    (&["proxy_ignore_client_abort"], Changed, "a client that goes away ends its request"),
    (&["proxy_socket_keepalive", "proxy_pass_request_headers", "proxy_pass_request_body", "proxy_pass_header", "proxy_force_ranges",
       "proxy_pass_trailers"], Same, "fields and bodies pass"),
    (&["proxy_intercept_errors"], Ignored, "without error_page there is no page to show instead"),
    (&["http2_max_concurrent_streams", "http2_max_field_size", "http2_max_header_size", "http2_idle_timeout", "http2_recv_timeout",
       "http2_chunk_size", "http2_body_preread_size", "http2_recv_buffer_size", "http2_push", "http2_push_preload", "http2_max_requests",
       "http2_max_concurrent_pushes"], Ignored, "HTTP/2 has limits of its own here: max-head, max-requests, http2-idle-timeout"),
    (&["brotli", "brotli_static", "zstd", "zstd_static", "pagespeed"], Narrower, "answers pass as the nodes make them: let the nodes compress"),
    (&["brotli_types", "brotli_comp_level", "brotli_buffers", "brotli_min_length", "brotli_window", "zstd_types", "zstd_comp_level",
       "zstd_min_length", "zstd_buffers"], Ignored, "nothing is compressed here"),
    (&["vhost_traffic_status", "vhost_traffic_status_zone", "vhost_traffic_status_dump", "vhost_traffic_status_filter",
       "vhost_traffic_status_filter_by_host", "vhost_traffic_status_filter_by_set_key", "vhost_traffic_status_histogram_buckets",
       "status_zone"], Same, "/metrics and /api/9 of the admin address count by listener, site, pool and node"),
    (&["satisfy"], Same, "addresses alone decide; where a password is asked for too, nobody is let in"),
    (&["resolver", "resolver_timeout"], Changed, "names of nodes are resolved by their TTL; [dns] servers names the servers"),
    (&["proxy_cache_valid", "proxy_cache_key", "proxy_cache_path", "proxy_cache_bypass", "proxy_no_cache", "proxy_cache_use_stale",
       "proxy_cache_lock", "proxy_cache_min_uses", "proxy_cache_methods"], Ignored, "nothing is cached"),
];

/// Directives that keep somebody out. What they stand in is not opened without them.
pub const PROTECTS: &[&str] = &[
    "auth_basic",
    "auth_request",
    "auth_jwt",
    "auth_oidc",
    "limit_except",
    "secure_link",
    "secure_link_secret",
    "access_by_lua_block",
    "access_by_lua_file",
    "access_by_lua",
    "internal",
    "valid_referers",
    "app_protect_enable",
    "js_access",
    "auth_jwt_require",
    "auth_require",
    "rewrite_by_lua_block",
    "rewrite_by_lua_file",
    "rewrite_by_lua",
    "server_rewrite_by_lua_block",
    "server_rewrite_by_lua_file",
    "precontent_by_lua_block",
    "precontent_by_lua_file",
    "modsecurity",
    "modsecurity_rules",
    "modsecurity_rules_file",
    "modsecurity_rules_remote",
    "auth_digest",
    "auth_gss",
    "auth_ldap",
    "auth_pam",
    "SecRulesEnabled",
    "shib_request",
    "testcookie",
    "js_preread",
    "preread_by_lua_block",
    "preread_by_lua_file",
    "proxy_allow_upstream",
    "tunnel_allow_upstream",
];

/// Directives that lower levels inherit, unless they have one of their own.
const INHERITED: &[&str] = &[
    "proxy_set_header",
    "add_header",
    "proxy_hide_header",
    "proxy_redirect",
    "proxy_cookie_domain",
    "proxy_cookie_flags",
    "proxy_cookie_path",
    "proxy_read_timeout",
    "proxy_send_timeout",
    "proxy_connect_timeout",
    "proxy_next_upstream",
    "proxy_next_upstream_tries",
    "proxy_next_upstream_timeout",
    "proxy_ssl_verify",
    "proxy_ssl_trusted_certificate",
    "proxy_ssl_name",
    "proxy_ssl_server_name",
    "proxy_ssl_verify_depth",
    "proxy_buffer_size",
    "proxy_request_buffering",
    "client_max_body_size",
    "access_log",
    "error_log",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_protocols",
    "keepalive_timeout",
    "keepalive_requests",
    "client_header_timeout",
    "client_body_timeout",
    "send_timeout",
    "large_client_header_buffers",
    "allow",
    "deny",
    "limit_req",
    "root",
];

/// Whether nginx knows the name.
pub(super) fn knows(name: &str) -> bool {
    NAMES.contains(name)
}

/// Whether nginx does not start where a block has it twice.
pub(super) fn stands_once(name: &str) -> bool {
    ONCE.contains(name)
}

/// All directives that keep somebody out.
pub(super) fn protecting() -> impl Iterator<Item = &'static str> {
    PROTECTS.iter().copied()
}

/// Whether the directive keeps somebody out.
pub(super) fn protects(name: &str) -> bool {
    PROTECTS.contains(&name)
}

/// Whether there is nothing to say of this directive, wherever it stands.
pub(super) fn is_settled(one: &Directive) -> bool {
    one.words == ["off"] || SETTLED.iter().any(|(names, ..)| names.contains(&one.name.as_str()))
}

/// Whether the tables say something of this directive, wherever it stands.
pub(super) fn has_a_word(one: &Directive) -> bool {
    is_settled(one) || LACKS.iter().any(|(names, _)| names.contains(&one.name.as_str()))
}

/// What is said where nodes get no fields of the clients.
const HIDES: &str =
    "off: all fields of a request would go to the nodes; request-headers = { remove = […] } leaves some out";

/// What is on in Weir although it is off here.
#[rustfmt::skip]
const OFF: &[(&[&str], Class, &str)] = &[
    (&["proxy_pass_request_headers"], Missing, HIDES),
    (&["proxy_pass_request_body"], Missing, "the body of a request goes to the node"),
    (&["merge_slashes"], Wider, "routes compare paths without doubled slashes in any case: //x goes where /x goes"),
    (&["underscores_in_headers"], Wider, "fields with underscores pass, but those that could be mistaken for one of Weir's"),
    (&["ignore_invalid_headers"], Narrower, "a malformed field is refused with 400"),
    (&["chunked_transfer_encoding"], Changed, "an answer without a length goes in chunks to clients of HTTP/1.1"),
    (&["absolute_redirect"], Changed, "redirects are absolute; behind a front that ends TLS they would lead to http: write redirect with a scheme"),
    (&["port_in_redirect"], Changed, "redirects have the port that the client asked for"),
    (&["ssl_session_tickets"], Changed, "tickets are on; their keys change and stay in memory"),
];

/// What becomes of a directive that nothing has looked at, with these words, in a block of this name.
pub(super) fn unread(name: &str, words: &[String], block: &str) -> (Class, String) {
    if words == ["off"] {
        if let Some((_, class, note)) = OFF.iter().find(|(names, ..)| names.contains(&name)) {
            return (*class, (*note).to_owned());
        }
        if NAMES.contains(name) {
            return (Ignored, "it is off".to_owned());
        }
    }
    if name == "limit_rate" && words == ["0"] {
        return (Ignored, "0 is no limit".to_owned());
    }
    if let Some((_, class, note)) = SETTLED.iter().find(|(names, ..)| names.contains(&name)) {
        return (*class, (*note).to_owned());
    }
    if !NAMES.contains(name) {
        let mut names: Vec<&str> = NAMES.iter().copied().collect();
        names.sort_unstable();
        let near =
            suggestion(name, "", &names).split('?').next().filter(|near| near.starts_with("did")).map(str::to_owned);
        let near = near.map_or(String::new(), |near| format!(": {near}?"));
        let closes = if matches!(block, "http" | "stream" | "server" | "location" | "") {
            "; it may keep people out, so nobody is let in to what stands in this block"
        } else {
            ""
        };
        return (Class::Refused, format!("nginx knows no such directive{near}{closes}"));
    }
    if INHERITED.contains(&name) && matches!(block, "http" | "server" | "") {
        return (Ignored, "every level below it that could use it has its own".to_owned());
    }
    let note = match block {
        "events" | "mail" | "stream" | "types" => "not a part of what Weir does",
        _ => LACKS
            .iter()
            .find(|(names, _)| names.contains(&name))
            .map_or("Weir has nothing like it in this place", |(_, note)| note),
    };
    (Missing, note.to_owned())
}

/// What Weir lacks and real files have: one line each, to be changed when it comes.
#[rustfmt::skip]
pub const LACKS: &[(&[&str], &str)] = &[
    (&["proxy_pass_request_headers"], HIDES),
    (&["proxy_cookie_path"], "the beginning of a Path and what replaces it; no regular expressions, no variables"),
    (&["error_page"], "pages are a site's, for all of its requests: write error-pages there"),
    (&["map", "geo", "split_clients", "charset_map", "set"], "there are no variables of one's own"),
    (&["if"], "conditions are methods, headers and target of a route"),
    (&["auth_basic", "auth_basic_user_file", "auth_request", "auth_jwt"], "who may come is decided by address; passwords are a matter of the nodes"),
    (&["ssl_client_certificate", "ssl_verify_client", "ssl_verify_depth", "ssl_crl"], "client-auth of the site has ca, mode = \"required\" or \"optional\", and crl"),
    (&["proxy_ssl_certificate", "proxy_ssl_certificate_key"], "certificate of the pool's tls is a file for the chain and one for the key, both without variables"),
    (&["root", "alias", "try_files"], "Weir serves no files"),
    (&["rewrite"], "the path that is sent to the nodes is not changed"),
    (&["stream"], "TCP is carried where it is TLS with a server name (ssl_preread on), and no other"),
    (&["limit_rate", "limit_rate_after"], "answers are sent as fast as the client reads"),
    (&["proxy_cache"], "nothing is cached"),
    (&["stub_status", "api"], "`weir status`, and /metrics and /api/9 of the admin address"),
    (&["health_check"], "write [pool.health]: interval, rise, fall and probes"),
    (&["mirror"], "requests are sent to one node"),
    (&["limit_conn", "limit_conn_zone"], "connections are counted for a listener: max-connections-per-client there"),
    (&["sub_filter", "subs_filter"], "the bodies of answers pass as the nodes make them"),
    (&["expires"], "Cache-Control and Expires are those of the nodes; response-headers = { set = { \"Cache-Control\" = … } } sets one"),
    (&["more_set_headers", "more_clear_headers"], "response-headers sets and removes fields"),
    (&["more_set_input_headers", "more_clear_input_headers"], "request-headers sets and removes fields"),
    (&["internal"], "a location that clients cannot ask for; requests are not passed on from one to another"),
    (&["limit_except"], "write methods on a route"),
    (&["mail"], "mail is not carried"),
    (&["fastcgi_pass", "grpc_pass", "memcached_pass", "scgi_pass", "uwsgi_pass"], "nodes are asked in HTTP"),
];

/// What is said of a directive of these: the sentence of the table of what Weir lacks.
pub(super) fn lacks(name: &str) -> &'static str {
    LACKS.iter().find(|(names, _)| names.contains(&name)).map_or("Weir has nothing like it", |(_, note)| note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_have_names_of_nginx_and_each_once() {
        let mut seen = HashSet::new();
        for name in SETTLED.iter().flat_map(|(names, ..)| names.iter()) {
            assert!(NAMES.contains(name), "{name}");
            assert!(seen.insert(name), "{name} twice");
        }
        assert!(ONCE.is_subset(&NAMES) && !stands_once("server") && !stands_once("proxy_set_header"));
    }

    #[test]
    fn a_typing_error_is_told_from_what_weir_lacks() {
        assert_eq!(
            unread("proxy_reed_timeout", &[], "server").1,
            "nginx knows no such directive: did you mean \"proxy_read_timeout\"?; it may keep people out, so nobody is let \
             in to what stands in this block"
        );
        assert_eq!(unread("frobnicate", &[], "events"), (Class::Refused, "nginx knows no such directive".to_owned()));
        assert_eq!(unread("auth_basic", &[], "location").0, Missing);
        assert_eq!(unread("proxy_read_timeout", &[], "http").0, Ignored);
        assert_eq!(unread("proxy_read_timeout", &[], "location").0, Missing);
    }
}
