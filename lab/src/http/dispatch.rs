//! One request from arrival to answer: which service and operation it is, whether its signer is accepted, which fault strikes it.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{
    answer::{Answer, Failure, Service},
    body::{Cut, Ending, SentBody},
    connection::Control,
    control,
};
use crate::{
    calls::{Call, CallLog},
    clock::Clock,
    credentials::{Caller, Claim, Keyring, Refusal},
    fault::{FaultKind, Faults},
    ids,
    s3::{Parts, S3, S3Request},
    sqs::{self, Sqs, SqsError},
    sts::Sts,
};

/// Everything that requests are about.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) clock: Clock,
    pub(crate) keyring: Keyring,
    pub(crate) sqs: Sqs,
    pub(crate) s3: S3,
    pub(crate) sts: Sts,
    pub(crate) faults: Faults,
    pub(crate) calls: CallLog,
}

/// A request whose body has been read.
struct Received {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

/// What a request asks for.
enum Target {
    Sqs {
        operation: String,
        body: Result<Value, SqsError>,
    },
    Sts {
        operation: String,
        parameters: Vec<(String, String)>,
    },
    S3(S3Request),
}

impl Services {
    /// Answers a request. An error makes the server drop the connection.
    pub(super) async fn serve(
        &self,
        request: Request<Incoming>,
        control: Arc<Control>,
    ) -> Result<Response<SentBody>, Cut> {
        let (head, body) = request.into_parts();
        // A client that goes away in the middle of its request gets no answer.
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let received = Received {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: pairs(head.uri.query().unwrap_or_default().as_bytes()),
            headers: head.headers,
            body,
        };
        if let Some(path) = received.path.strip_prefix("/_lab/") {
            let answer = control::answer(self, &received.method, path, &received.body);
            return Ok(respond(answer, &received.method, None, control));
        }
        self.serve_aws(received, control).await
    }

    async fn serve_aws(
        &self,
        received: Received,
        control: Arc<Control>,
    ) -> Result<Response<SentBody>, Cut> {
        let arrival = Instant::now();
        let method = received.method.clone();
        let claim = Claim::read(&received.headers, &received.query);
        let target = Target::of(&received);
        let (service, operation, resource) =
            (target.service(), target.operation(), target.resource());
        self.calls.arrived(&operation, arrival);

        let strike = self.faults.strike(&operation, &resource);
        // Even a sleep of no time waits for the timer's next millisecond.
        if !strike.latency.is_zero() {
            sleep(strike.latency).await;
        }
        let mut call = Call {
            at_ms: self.clock.epoch_ms(arrival),
            operation,
            resource,
            access_key: claim.access_key.clone(),
            status: None,
            error: None,
        };
        let reset = |applied| Some(FaultKind::ResetBeforeAnswer { applied });
        if strike.fault == reset(false) {
            self.calls.answered(call);
            control.reset_on_close();
            return Err(Cut);
        }

        let token = received.headers.get("x-amz-security-token").cloned();
        let result = match failure(strike.fault.as_ref(), service) {
            Some(failure) => Err(failure),
            None => self.perform(target, received, &claim).await,
        };
        if strike.fault == reset(true) {
            self.calls.answered(call);
            control.reset_on_close();
            return Err(Cut);
        }
        let answer = result.unwrap_or_else(|mut failure| {
            if failure.code == "ExpiredToken" {
                let token = token.as_ref().and_then(|token| token.to_str().ok());
                failure.token = token.map(ToOwned::to_owned);
            }
            failure.answer(service, &call.resource)
        });
        call.status = Some(answer.status);
        call.error.clone_from(&answer.error);
        self.calls.answered(call);
        Ok(respond(answer, &method, strike.fault.as_ref(), control))
    }

    async fn perform(
        &self,
        target: Target,
        received: Received,
        claim: &Claim,
    ) -> Result<Answer, Failure> {
        let service = target.service();
        let caller = self.caller(claim, service)?;
        match target {
            Target::Sqs { operation, body } => {
                let answer = self.sqs.perform(&operation, body?, &caller.user_id).await?;
                Ok(Answer::aws_json(200, &answer))
            }
            Target::Sts {
                operation,
                parameters,
            } => {
                let xml = self.sts.perform(&operation, &parameters, &caller)?;
                let mut answer = Answer::xml(200, xml);
                answer = answer.header(CONTENT_TYPE, "text/xml");
                Ok(answer)
            }
            Target::S3(request) => {
                let parts = Parts {
                    headers: &received.headers,
                    query: &received.query,
                    body: received.body,
                };
                Ok(self.s3.perform(&request, &parts)?)
            }
        }
    }

    fn caller(&self, claim: &Claim, service: Service) -> Result<Caller, Failure> {
        self.keyring
            .check(claim, Instant::now())
            .map_err(|refusal| match refusal {
                Refusal::Missing => Failure::missing_key(service),
                Refusal::Unknown => Failure::unknown_key(service),
                Refusal::Expired => Failure::expired_token(service),
            })
    }
}

impl Target {
    fn of(received: &Received) -> Self {
        let header = |name: HeaderName| {
            let value = received.headers.get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let target = header(HeaderName::from_static("x-amz-target"));
        if let Some(operation) = target.strip_prefix("AmazonSQS.") {
            let body = match received.body.is_empty() {
                true => Ok(Value::Object(serde_json::Map::new())),
                false => serde_json::from_slice(&received.body),
            };
            return Self::Sqs {
                operation: operation.to_owned(),
                body: body.map_err(|error| SqsError::Malformed(error.to_string())),
            };
        }
        if header(CONTENT_TYPE).starts_with("application/x-www-form-urlencoded")
            && received.method == Method::POST
        {
            let parameters = pairs(&received.body);
            let action = parameters.iter().find(|(name, _)| name == "Action");
            return Self::Sts {
                operation: action.map(|(_, value)| value.clone()).unwrap_or_default(),
                parameters,
            };
        }
        let host = header(HOST);
        Self::S3(S3Request::route(
            &received.method,
            host,
            &received.path,
            &received.query,
        ))
    }

    fn service(&self) -> Service {
        match self {
            Self::Sqs { .. } => Service::Sqs,
            Self::Sts { .. } => Service::Sts,
            Self::S3(_) => Service::S3,
        }
    }

    fn operation(&self) -> String {
        match self {
            Self::Sqs { operation, .. } => format!("sqs:{operation}"),
            Self::Sts { operation, .. } => format!("sts:{operation}"),
            Self::S3(request) => format!("s3:{}", request.operation),
        }
    }

    /// What faults and the call log know the call's object by.
    fn resource(&self) -> String {
        match self {
            Self::Sqs { body: Ok(body), .. } => sqs::resource(body).to_owned(),
            Self::Sqs { body: Err(_), .. } => String::new(),
            Self::Sts { parameters, .. } => parameters
                .iter()
                .find(|(name, _)| name == "RoleArn")
                .map(|(_, value)| value.clone())
                .unwrap_or_default(),
            Self::S3(request) => request.resource(),
        }
    }
}

/// The error that a fault answers with, if it is of that kind.
fn failure(fault: Option<&FaultKind>, service: Service) -> Option<Failure> {
    match fault? {
        FaultKind::Throttle => Some(Failure::throttled(service)),
        FaultKind::InternalError => Some(Failure::internal(service)),
        FaultKind::ExpiredToken => Some(Failure::expired_token(service)),
        FaultKind::Error { code, status } => {
            Some(Failure::new(code, *status, "This error is injected."))
        }
        FaultKind::Latency { .. }
        | FaultKind::ResetBeforeAnswer { .. }
        | FaultKind::ResetMidBody { .. }
        | FaultKind::TruncatedBody { .. }
        | FaultKind::ShortBody { .. } => None,
    }
}

/// The HTTP response to an answer, with the fault applied that strikes its body.
fn respond(
    mut answer: Answer,
    method: &Method,
    fault: Option<&FaultKind>,
    control: Arc<Control>,
) -> Response<SentBody> {
    if let Some(FaultKind::ShortBody { bytes }) = fault {
        answer.body.truncate(*bytes);
    }
    let length = answer.body.len();
    let body = match fault {
        _ if method == Method::HEAD => SentBody::Whole(Bytes::new()),
        Some(FaultKind::ResetMidBody { after_bytes }) => {
            control.narrow_send_buffer();
            let sent = answer.body.slice(..(*after_bytes).min(length));
            SentBody::short(sent, Ending::Reset, control)
        }
        Some(FaultKind::TruncatedBody { bytes }) if *bytes < length => {
            SentBody::short(answer.body.slice(..*bytes), Ending::Close, control)
        }
        _ => SentBody::Whole(answer.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    *headers = answer.headers;
    let bodiless = matches!(answer.status, 204 | 304);
    if !bodiless {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    if let Ok(id) = ids::upper_alphanumeric(16).parse() {
        headers.insert(HeaderName::from_static("x-amz-request-id"), id);
    }
    response
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}
