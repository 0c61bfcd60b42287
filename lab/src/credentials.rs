//! Access keys: which are known, who they are, and when those of an assumed role expire. Signatures are not verified.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use hyper::HeaderMap;
use tokio::time::Instant;

use crate::sync::lock;

/// A declared access key and the identity it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The access key id, for example `AKIAIOSFODNN7EXAMPLE`.
    pub id: String,
    /// Its owner's ARN.
    pub arn: String,
    /// Its owner's unique id, for example `AIDAIOSFODNN7EXAMPLE`.
    pub user_id: String,
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) arn: String,
    pub(crate) user_id: String,
}

/// Why a call's credentials are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The call carries no access key, but keys are declared.
    Missing,
    /// The access key is not known, or its session token is not the issued one.
    Unknown,
    /// The session has expired.
    Expired,
}

/// What a signed request says about its signer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) access_key: Option<String>,
    pub(crate) token: Option<String>,
}

impl Claim {
    /// Reads the `Authorization` header of Signature Version 4, or the query of a presigned URL of either version.
    pub(crate) fn read(headers: &HeaderMap, query: &[(String, String)]) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let parameter = |name: &str| {
            query
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let scope = header("authorization")
            .and_then(|value| value.split("Credential=").nth(1))
            .or_else(|| parameter("X-Amz-Credential"));
        Self {
            access_key: scope
                .and_then(|scope| scope.split('/').next())
                .or_else(|| parameter("AWSAccessKeyId"))
                .map(str::to_owned),
            token: header("x-amz-security-token")
                .or_else(|| parameter("X-Amz-Security-Token"))
                .or_else(|| parameter("x-amz-security-token"))
                .map(str::to_owned),
        }
    }
}

#[derive(Debug, Clone)]
struct Session {
    token: String,
    expires: Instant,
    caller: Caller,
}

/// The keys the lab knows. A cheap handle: clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Keyring {
    declared: Arc<HashMap<String, Caller>>,
    anyone: Caller,
    sessions: Arc<Mutex<HashMap<String, Session>>>,
}

impl Keyring {
    /// With no declared keys every key but an expired session is accepted, as `anyone`.
    pub(crate) fn new(declared: Vec<AccessKey>, anyone: Caller) -> Self {
        let declared = declared
            .into_iter()
            .map(|key| {
                let caller = Caller {
                    arn: key.arn,
                    user_id: key.user_id,
                };
                (key.id, caller)
            })
            .collect();
        Self {
            declared: Arc::new(declared),
            anyone,
            sessions: Arc::default(),
        }
    }

    /// Accepts or refuses the signer of a call.
    pub(crate) fn check(&self, claim: &Claim, now: Instant) -> Result<Caller, Refusal> {
        let Some(id) = &claim.access_key else {
            return if self.declared.is_empty() {
                Ok(self.anyone.clone())
            } else {
                Err(Refusal::Missing)
            };
        };
        if let Some(session) = lock(&self.sessions).get(id) {
            return if claim.token.as_ref() != Some(&session.token) {
                Err(Refusal::Unknown)
            } else if now >= session.expires {
                Err(Refusal::Expired)
            } else {
                Ok(session.caller.clone())
            };
        }
        match self.declared.get(id) {
            Some(caller) => Ok(caller.clone()),
            None if self.declared.is_empty() => Ok(self.anyone.clone()),
            None => Err(Refusal::Unknown),
        }
    }

    /// Registers a session's key.
    pub(crate) fn open_session(&self, id: String, token: String, expires: Instant, caller: Caller) {
        let session = Session {
            token,
            expires,
            caller,
        };
        lock(&self.sessions).insert(id, session);
    }

    /// Makes every session expire at `now`.
    pub(crate) fn expire_sessions(&self, now: Instant) {
        for session in lock(&self.sessions).values_mut() {
            session.expires = session.expires.min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn caller(name: &str) -> Caller {
        Caller {
            arn: name.to_owned(),
            user_id: name.to_owned(),
        }
    }

    fn claim(key: &str, token: Option<&str>) -> Claim {
        Claim {
            access_key: Some(key.to_owned()),
            token: token.map(str::to_owned),
        }
    }

    #[test]
    fn the_signature_header_names_the_key() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIA1/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host"
                .parse()
                .expect("a header"),
        );
        headers.insert("x-amz-security-token", "tok".parse().expect("a header"));
        assert_eq!(Claim::read(&headers, &[]), claim("AKIA1", Some("tok")));
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_expire_and_need_their_token() {
        let keyring = Keyring::new(Vec::new(), caller("anyone"));
        let now = Instant::now();
        let expires = now + Duration::from_secs(900);
        keyring.open_session("ASIA1".into(), "tok".into(), expires, caller("role"));
        assert_eq!(
            keyring.check(&claim("ASIA1", Some("tok")), now),
            Ok(caller("role"))
        );
        assert_eq!(
            keyring.check(&claim("ASIA1", None), now),
            Err(Refusal::Unknown)
        );
        assert_eq!(
            keyring.check(&claim("ASIA1", Some("tok")), expires),
            Err(Refusal::Expired)
        );
    }

    #[test]
    fn declared_keys_shut_others_out() {
        let key = AccessKey {
            id: "AKIA1".into(),
            arn: "me".into(),
            user_id: "me".into(),
        };
        let keyring = Keyring::new(vec![key], caller("anyone"));
        let now = Instant::now();
        assert_eq!(keyring.check(&claim("AKIA1", None), now), Ok(caller("me")));
        assert_eq!(
            keyring.check(&claim("AKIA2", None), now),
            Err(Refusal::Unknown)
        );
        assert_eq!(keyring.check(&Claim::default(), now), Err(Refusal::Missing));
    }
}
