//! What a client sends and how it reads: HTTP/1 and HTTP/2, TLS, clients that are slow, wrong or gone.

mod certificates;
mod endings;
mod h2;
mod h2_requests;
mod leaving;
mod raw_requests;
mod slow_readers;
mod tls;
mod tls_ends;
