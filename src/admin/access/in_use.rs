//! Whether a connection is being answered: from the head of a request to the last byte of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Bytes, Frame, SizeHint};

/// What a connection is used for now.
#[derive(Debug, Default)]
pub(super) struct InUse {
    busy: AtomicBool,
    streams: AtomicBool,
}

impl InUse {
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether the answer is a stream of events, which has no end of its own.
    pub(super) fn streams(&self) -> bool {
        self.streams.load(Ordering::Relaxed)
    }
}

/// Marks the connection as busy while a request is answered.
pub(super) async fn mark(State(in_use): State<Arc<InUse>>, request: Request, next: Next) -> Response {
    let answering = Answering::begin(in_use);
    let response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE);
    let streams = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    answering.0.streams.store(streams, Ordering::Relaxed);
    response.map(|body| Body::new(Marking { body, _answering: answering }))
}

/// An answer on its way. Dropped, it is over.
struct Answering(Arc<InUse>);

impl Answering {
    fn begin(in_use: Arc<InUse>) -> Self {
        in_use.busy.store(true, Ordering::Relaxed);
        Self(in_use)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
        self.0.streams.store(false, Ordering::Relaxed);
    }
}

/// The body of an answer on its way.
struct Marking {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Marking {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use axum::{Router, middleware};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    #[tokio::test]
    async fn a_connection_is_busy_until_its_answer_is_taken() {
        let in_use = Arc::<InUse>::default();
        let stream = get(async || ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], "data: 1\n\n"));
        let router = Router::new().route("/stream", stream).route("/text", get(async || "text"));
        let router = router.layer(middleware::from_fn_with_state(Arc::clone(&in_use), mark));
        let service = TowerToHyperService::new(router);
        for (path, streams) in [("/text", false), ("/stream", true), ("/nowhere", false)] {
            assert_eq!((in_use.is_busy(), in_use.streams()), (false, false), "before {path}");
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = service.call(request).await.unwrap();
            assert_eq!((in_use.is_busy(), in_use.streams()), (true, streams), "during {path}");
            drop(response);
        }
        assert!(!in_use.is_busy());
    }
}
