//! Answers before faults, and the error shape of each service.

use bytes::Bytes;
use hyper::{
    HeaderMap,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::{ids, s3::S3Error, sqs::SqsError, sts, sts::StsError, xml::Writer};

/// An answer, whole and correct.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The error code, for the call log.
    pub(crate) error: Option<String>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: Bytes) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
            error: None,
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, Bytes::new())
    }

    pub(crate) fn xml(status: u16, text: String) -> Self {
        Self::new(status, Bytes::from(text)).header(CONTENT_TYPE, "application/xml")
    }

    /// Plain JSON, for `/_lab`.
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, Bytes::from(value.to_string())).header(CONTENT_TYPE, "application/json")
    }

    /// AWS JSON 1.0.
    pub(crate) fn aws_json(status: u16, value: &Value) -> Self {
        Self::new(status, Bytes::from(value.to_string()))
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
    }

    /// Sets a header; a value that HTTP cannot carry is left out.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// The service a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Sqs,
    S3,
    Sts,
}

/// An error before it takes the shape of its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The code that clients classify by.
    pub(crate) code: String,
    /// The `__type` of AWS JSON, where it differs from the code.
    pub(crate) json_type: String,
    pub(crate) status: u16,
    pub(crate) message: String,
    /// The session token that S3 repeats in its answer to an expired one.
    pub(crate) token: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: &str, status: u16, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            json_type: format!("com.amazon.coral.service#{code}"),
            status,
            message: message.to_owned(),
            token: None,
        }
    }

    fn typed(mut self, json_type: &str) -> Self {
        self.json_type = format!("com.amazon.coral.service#{json_type}");
        self
    }

    pub(crate) fn throttled(service: Service) -> Self {
        match service {
            Service::Sqs => Self::new("ThrottlingException", 400, "Rate exceeded"),
            Service::S3 => Self::new("SlowDown", 503, "Please reduce your request rate."),
            Service::Sts => Self::new("Throttling", 400, "Rate exceeded"),
        }
    }

    pub(crate) fn internal(service: Service) -> Self {
        let message = "We encountered an internal error. Please try again.";
        match service {
            Service::S3 => Self::new("InternalError", 500, message),
            Service::Sqs | Service::Sts => Self::new("InternalFailure", 500, message),
        }
    }

    pub(crate) fn expired_token(service: Service) -> Self {
        match service {
            Service::S3 => Self::new("ExpiredToken", 400, "The provided token has expired."),
            Service::Sqs | Service::Sts => Self::new(
                "ExpiredToken",
                403,
                "The security token included in the request is expired",
            )
            .typed("ExpiredTokenException"),
        }
    }

    pub(crate) fn unknown_key(service: Service) -> Self {
        match service {
            Service::S3 => Self::new(
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
            Service::Sqs | Service::Sts => Self::new(
                "InvalidClientTokenId",
                403,
                "The security token included in the request is invalid.",
            )
            .typed("UnrecognizedClientException"),
        }
    }

    pub(crate) fn missing_key(service: Service) -> Self {
        match service {
            Service::S3 => Self::new("AccessDenied", 403, "Access Denied"),
            Service::Sqs | Service::Sts => Self::new(
                "MissingAuthenticationToken",
                403,
                "Request is missing Authentication Token",
            )
            .typed("MissingAuthenticationTokenException"),
        }
    }

    /// The error in the shape of `service`. `resource` is what S3 repeats in its answer.
    pub(crate) fn answer(&self, service: Service, resource: &str) -> Answer {
        let request_id = ids::random_uuid();
        let mut answer = match service {
            Service::Sqs => {
                let body = json!({ "__type": self.json_type, "message": self.message });
                let fault = if self.status < 500 {
                    "Sender"
                } else {
                    "Receiver"
                };
                Answer::aws_json(self.status, &body).header(
                    HeaderName::from_static("x-amzn-query-error"),
                    &format!("{};{fault}", self.code),
                )
            }
            Service::Sts => Answer::xml(self.status, self.sts_xml(&request_id)),
            Service::S3 => Answer::xml(self.status, self.s3_xml(&request_id, resource)),
        };
        answer.error = Some(self.code.clone());
        answer
    }

    fn s3_xml(&self, request_id: &str, resource: &str) -> String {
        let mut xml = Writer::new();
        xml.root("Error", "", |xml| {
            xml.text("Code", &self.code);
            xml.text("Message", &self.message);
            if let Some(token) = &self.token {
                xml.text("Token-0", token);
            }
            xml.text("Resource", &format!("/{resource}"));
            xml.text("RequestId", request_id);
        });
        xml.finish()
    }

    fn sts_xml(&self, request_id: &str) -> String {
        let mut xml = Writer::new();
        xml.root("ErrorResponse", sts::NAMESPACE, |xml| {
            xml.element("Error", |xml| {
                let fault = if self.status < 500 {
                    "Sender"
                } else {
                    "Receiver"
                };
                xml.text("Type", fault);
                xml.text("Code", &self.code);
                xml.text("Message", &self.message);
            });
            xml.text("RequestId", request_id);
        });
        xml.finish()
    }
}

impl From<SqsError> for Failure {
    fn from(error: SqsError) -> Self {
        let (shape, code) = error.codes();
        Self {
            code: code.to_owned(),
            json_type: format!("com.amazonaws.sqs#{shape}"),
            status: 400,
            message: error.to_string(),
            token: None,
        }
    }
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        let (code, status) = error.code();
        Self::new(code, status, &error.to_string())
    }
}

impl From<StsError> for Failure {
    fn from(error: StsError) -> Self {
        let (code, status) = error.code();
        Self::new(code, status, &error.to_string())
    }
}
