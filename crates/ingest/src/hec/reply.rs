//! What the collector answers: `{"text":…,"code":…}` with Splunk's numbers, because clients decide by them whether to come again.

use std::borrow::Cow;

use axum::{
    Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::EnvelopeError;
use crate::{
    accept::AcceptError,
    body::BodyError,
    server::{RETRY_AFTER_S, Refusal},
};

/// A code of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Success,
    TokenRequired,
    InvalidAuthorization,
    InvalidToken,
    NoData,
    InvalidData,
    Internal,
    Busy,
    NoChannel,
    InvalidChannel,
    EventRequired,
    EventBlank,
    Healthy,
    Unhealthy,
    TooLarge,
}

impl Code {
    /// Splunk's number, its HTTP status, and its words.
    const fn parts(self) -> (u8, StatusCode, &'static str) {
        match self {
            Code::Success => (0, StatusCode::OK, "Success"),
            Code::TokenRequired => (2, StatusCode::UNAUTHORIZED, "Token is required"),
            Code::InvalidAuthorization => (3, StatusCode::UNAUTHORIZED, "Invalid authorization"),
            Code::InvalidToken => (4, StatusCode::FORBIDDEN, "Invalid token"),
            Code::NoData => (5, StatusCode::BAD_REQUEST, "No data"),
            Code::InvalidData => (6, StatusCode::BAD_REQUEST, "Invalid data format"),
            Code::Internal => (8, StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
            Code::Busy => (9, StatusCode::SERVICE_UNAVAILABLE, "Server is busy"),
            Code::NoChannel => (10, StatusCode::BAD_REQUEST, "Data channel is missing"),
            Code::InvalidChannel => (11, StatusCode::BAD_REQUEST, "Invalid data channel"),
            Code::EventRequired => (12, StatusCode::BAD_REQUEST, "Event field is required"),
            Code::EventBlank => (13, StatusCode::BAD_REQUEST, "Event field cannot be blank"),
            Code::Healthy => (17, StatusCode::OK, "HEC is healthy"),
            Code::Unhealthy => (18, StatusCode::SERVICE_UNAVAILABLE, "HEC is unhealthy, queues are full"),
            Code::TooLarge => (27, StatusCode::PAYLOAD_TOO_LARGE, "Request entity too large"),
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    code: Code,
    /// What Splunk's words do not say, for whoever has to mend it.
    more: Cow<'static, str>,
    /// The place of the event that is wrong, from 0.
    event: Option<usize>,
    ack_id: Option<u64>,
    acks: Option<Value>,
}

impl Reply {
    /// With a code's own words.
    pub(super) const fn of(code: Code) -> Reply {
        Reply { code, more: Cow::Borrowed(""), event: None, ack_id: None, acks: None }
    }

    /// The log has it; `ack_id` names the delivery in its channel.
    pub(super) fn success(ack_id: u64) -> Reply {
        Reply { ack_id: Some(ack_id), ..Reply::of(Code::Success) }
    }

    /// Which ids are in the log.
    pub(super) fn acks(acks: impl Iterator<Item = (u64, bool)>) -> Reply {
        let acks = acks.map(|(id, is_safe)| (id.to_string(), Value::Bool(is_safe))).collect();
        Reply { acks: Some(Value::Object(acks)), ..Reply::of(Code::Success) }
    }

    /// Is it refused for who asks, and not for what was sent?
    pub(super) const fn is_about_token(&self) -> bool {
        matches!(self.code, Code::TokenRequired | Code::InvalidAuthorization | Code::InvalidToken)
    }

    /// Its words.
    pub(super) fn text(&self) -> String {
        let (_, _, words) = self.code.parts();
        if self.more.is_empty() { words.to_owned() } else { format!("{words}: {}", self.more) }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let (number, status, _) = self.code.parts();
        if let Some(acks) = self.acks {
            return (status, Json(json!({"acks": acks}))).into_response();
        }
        let mut body = json!({"text": self.text(), "code": number});
        if let Some(object) = body.as_object_mut() {
            object.extend(self.ack_id.map(|id| ("ackId".to_owned(), Value::from(id))));
            object.extend(self.event.map(|event| ("invalid-event-number".to_owned(), Value::from(event))));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return (status, [(RETRY_AFTER, RETRY_AFTER_S)], Json(body)).into_response();
        }
        (status, Json(body)).into_response()
    }
}

impl From<BodyError> for Reply {
    fn from(error: BodyError) -> Reply {
        Refusal::from(error).into()
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Reply {
        let code = match &refusal {
            Refusal::Unauthorized => Code::InvalidToken,
            Refusal::Busy | Refusal::Accept(AcceptError::Log(_)) => return Reply::of(Code::Busy),
            Refusal::Accept(AcceptError::Internal(_)) => return Reply::of(Code::Internal),
            Refusal::Envelope(EnvelopeError::NoData) => Code::NoData,
            Refusal::Envelope(EnvelopeError::Missing(_)) => Code::EventRequired,
            Refusal::Envelope(EnvelopeError::Blank(_)) => Code::EventBlank,
            Refusal::Body(BodyError::TooLarge { .. } | BodyError::Bomb { .. })
            | Refusal::Accept(AcceptError::TooMany { .. }) => Code::TooLarge,
            Refusal::Envelope(EnvelopeError::Invalid(_))
            | Refusal::Cut
            | Refusal::Body(BodyError::UnknownEncoding | BodyError::Corrupt)
            | Refusal::Accept(AcceptError::TooDeep { .. } | AcceptError::Header(_)) => Code::InvalidData,
        };
        match refusal {
            Refusal::Envelope(error) => Reply { event: error.event(), ..Reply::of(code) },
            other => Reply { more: Cow::Owned(other.to_string()), ..Reply::of(code) },
        }
    }
}

#[cfg(test)]
mod tests {
    use broker::AppendError;

    use super::*;

    /// Clients decide by the code whether to come again: 8 and 9 are worth it, the others are not.
    #[test]
    fn each_refusal_has_its_code_and_status() {
        let of_log = |error| Refusal::Accept(AcceptError::Log(error));
        let full = AppendError::QueueFull { queued_bytes: 9, limit_bytes: 8 };
        for (refusal, code, status) in [
            (Refusal::Unauthorized, 4, 403),
            (Refusal::Envelope(EnvelopeError::NoData), 5, 400),
            (Refusal::Cut, 6, 400),
            (Refusal::Body(BodyError::Corrupt), 6, 400),
            (Refusal::Accept(AcceptError::TooDeep { limit: 64 }), 6, 400),
            (Refusal::Accept(AcceptError::Internal("a defect".to_owned())), 8, 500),
            (Refusal::Busy, 9, 503),
            (of_log(full), 9, 503),
            (of_log(AppendError::Unavailable { reason: "the disk is full".to_owned() }), 9, 503),
            (of_log(AppendError::Closed), 9, 503),
            (Refusal::Body(BodyError::TooLarge { limit_bytes: 8 }), 27, 413),
            (Refusal::Body(BodyError::Bomb { ratio_max: 100 }), 27, 413),
            (Refusal::Accept(AcceptError::TooMany { limit: 10_000 }), 27, 413),
        ] {
            let sentence = refusal.to_string();
            let reply = Reply::from(refusal);
            let (number, told, words) = reply.code.parts();
            assert_eq!((number, told.as_u16()), (code, status), "{sentence}");
            // What is wrong on our side is nobody's business outside.
            assert!(!matches!(code, 8 | 9) || reply.text() == words, "{}", reply.text());
            let response = reply.into_response();
            assert_eq!(response.headers().contains_key(RETRY_AFTER), status == 503, "{sentence}");
        }
    }
}
