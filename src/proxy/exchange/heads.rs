//! The heads of an exchange: the request's as it goes up, the answer's as it goes down.

use std::sync::Arc;

use super::in_pool::InPool;
use crate::config::ErrorPage;
use crate::traffic::message::headers::{FramingToClient, FramingToNode, ToClient, ToNode, write_request};
use crate::traffic::message::location::PublicName;
use crate::traffic::message::request_source::RequestSource;
use crate::traffic::message::request_values::RequestValues;
use crate::wire::{AnswerFraming, AnswerHead, Method, Version};

impl InPool<'_> {
    /// Writes the head that goes up.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>, framing: FramingToNode, expect: bool) {
        let (arrived, routed) = (self.arrived(), &self.routed);
        let listener = arrived.listener_ref.listener();
        let up = ToNode {
            framing,
            close: !self.pool().settings.reuse,
            via: routed.at.site().via,
            upgrade: routed.wants_upgrade(),
            expect,
            default_host: listener.default_host.as_bytes(),
            default_authority: listener.default_authority.as_bytes(),
            path_change: routed.rules().path_change.as_ref(),
            edits: Some(&routed.rules().request),
            request_id: arrived.request_id(),
            traceparent: arrived.ids.traceparent(),
            begins_trace: arrived.ids.begins_trace(),
        };
        write_request(out, arrived.head, &arrived.forwarded_client(), &up);
    }

    /// What the answer's head is written with.
    pub(crate) fn down<'d>(&'d self, answer: &AnswerHead, framing: FramingToClient, keep_alive: bool) -> ToClient<'d> {
        let interim = answer.is_interim() && answer.status() != 101;
        ToClient {
            version: self.arrived().head.version(),
            framing,
            keep_alive,
            upgrade: answer.status() == 101,
            via: self.routed.at.site().via,
            request: self,
            reverse_map: self.target.reverse_map(),
            path_change: self.routed.rules().path_change.as_ref(),
            edits: Some(&self.routed.rules().response),
            cookies: self.pool().settings.cookies.as_ref(),
            request_id: if interim { None } else { self.arrived().request_id() },
            page: None,
            extra: &[],
        }
    }

    //= rfc9112#6.1 no-coding
    /// How the body goes down.
    pub(crate) fn framing_down(&self, answer: &AnswerHead) -> FramingToClient {
        match answer.framing() {
            AnswerFraming::None => FramingToClient::None,
            AnswerFraming::Length(length) => FramingToClient::Length(length),
            AnswerFraming::Chunked | AnswerFraming::UntilClose => {
                if self.arrived().head.version() == Version::Http11 {
                    FramingToClient::Chunked
                } else {
                    FramingToClient::UntilClose
                }
            }
        }
    }

    /// How a page goes down in place of the node's body.
    pub(crate) fn framing_of(&self, page: &ErrorPage) -> FramingToClient {
        match self.arrived().head.method() {
            Method::Head => FramingToClient::None,
            _ => FramingToClient::Length(page.body.len() as u64),
        }
    }
}

impl RequestSource for InPool<'_> {
    fn public_name(&self) -> PublicName<'_> {
        let arrived = self.arrived();
        let (from, listener) = (arrived.forwarded(), arrived.listener_ref.listener());
        let hosts = arrived.listener_ref.generation.snapshot.hosts.get(arrived.listener_ref.listener).map(Arc::as_ref);
        let host = from.host_of_ours(arrived.head, hosts);
        let (secure, port) = from.origin(arrived.head, host);
        // Of a scheme that a proxy speaks for us our own port says nothing.
        let unnamed = if secure == from.secure { &listener.default_authority } else { &listener.default_host };
        PublicName {
            secure,
            authority: host.map_or(unnamed.as_bytes(), |host| host.raw),
            target: arrived.head.target_up(),
            pool: self.target.index(),
            translated: port != listener.port,
        }
    }

    fn values(&self) -> Option<RequestValues<'_>> {
        Some(self.arrived().values())
    }
}
