//! STS: GetCallerIdentity and AssumeRole, in the query protocol.

use std::{sync::Arc, time::Duration};

use thiserror::Error;
use tokio::time::Instant;

use crate::{
    clock::Clock,
    credentials::{Caller, Keyring},
    ids,
    options::{Role, Site},
    xml::Writer,
};

/// XML namespace of STS answers.
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// `DurationSeconds` without the parameter, and the range of the parameter ("AssumeRole", STS API reference).
const DEFAULT_DURATION: u64 = 3_600;
const DURATIONS: std::ops::RangeInclusive<u64> = 900..=43_200;

/// Why STS refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum StsError {
    #[error("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}")]
    AccessDenied { caller: String, role: String },
    #[error("{0}")]
    Validation(String),
    #[error("Could not find operation {0} for version 2011-06-15")]
    InvalidAction(String),
}

impl StsError {
    pub(crate) fn code(&self) -> (&'static str, u16) {
        match self {
            Self::AccessDenied { .. } => ("AccessDenied", 403),
            Self::Validation(_) => ("ValidationError", 400),
            Self::InvalidAction(_) => ("InvalidAction", 400),
        }
    }
}

/// The token service. A cheap handle: clones share it.
#[derive(Debug, Clone)]
pub struct Sts {
    site: Arc<Site>,
    clock: Clock,
    keyring: Keyring,
    roles: Arc<Vec<Role>>,
}

impl Sts {
    pub(crate) fn new(site: Arc<Site>, clock: Clock, keyring: Keyring, roles: Vec<Role>) -> Self {
        Self {
            site,
            clock,
            keyring,
            roles: Arc::new(roles),
        }
    }

    /// Makes the credentials of every assumed role expire now.
    pub fn expire_sessions(&self) {
        self.keyring.expire_sessions(Instant::now());
    }

    /// Performs one operation and returns the XML of its answer.
    pub(crate) fn perform(
        &self,
        operation: &str,
        parameters: &[(String, String)],
        caller: &Caller,
    ) -> Result<String, StsError> {
        match operation {
            "GetCallerIdentity" => Ok(self.caller_identity(caller)),
            "AssumeRole" => self.assume_role(parameters, caller),
            other => Err(StsError::InvalidAction(other.to_owned())),
        }
    }

    fn caller_identity(&self, caller: &Caller) -> String {
        // arn:aws:iam::ACCOUNT:…
        let account = caller.arn.split(':').nth(4).unwrap_or(&self.site.account);
        answer("GetCallerIdentity", |xml| {
            xml.text("Arn", &caller.arn);
            xml.text("UserId", &caller.user_id);
            xml.text("Account", account);
        })
    }

    fn assume_role(
        &self,
        parameters: &[(String, String)],
        caller: &Caller,
    ) -> Result<String, StsError> {
        let optional = |name: &str| {
            parameters
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let required = |name: &str| {
            optional(name).ok_or_else(|| {
                StsError::Validation(format!("1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"))
            })
        };
        let role = required("RoleArn")?;
        let session_name = required("RoleSessionName")?;
        let duration = match optional("DurationSeconds") {
            None => DEFAULT_DURATION,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| DURATIONS.contains(seconds))
                .ok_or_else(|| {
                    StsError::Validation(format!("1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy constraint: Member must be between 900 and 43200"))
                })?,
        };
        let role_parts = role.split_once(":role/").and_then(|(head, path)| {
            let account = head.rsplit(':').next()?;
            Some((account, path.rsplit('/').next()?))
        });
        let Some((account, role_name)) = role_parts else {
            return Err(StsError::Validation(format!("{role} is invalid")));
        };
        if !self.may_assume(role, optional("ExternalId")) {
            return Err(StsError::AccessDenied {
                caller: caller.arn.clone(),
                role: role.to_owned(),
            });
        }

        let session = Caller {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}"),
            user_id: format!("AROA{}:{session_name}", ids::upper_alphanumeric(17)),
        };
        let key = format!("ASIA{}", ids::upper_alphanumeric(16));
        let token = ids::random_base64(96);
        let expires = Instant::now() + Duration::from_secs(duration);
        let xml = answer("AssumeRole", |xml| {
            xml.element("AssumedRoleUser", |xml| {
                xml.text("AssumedRoleId", &session.user_id);
                xml.text("Arn", &session.arn);
            });
            xml.element("Credentials", |xml| {
                xml.text("AccessKeyId", &key);
                xml.text("SecretAccessKey", &ids::random_base64(30));
                xml.text("SessionToken", &token);
                let expiration = self.clock.timestamp(expires);
                xml.text(
                    "Expiration",
                    &expiration.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                );
            });
        });
        self.keyring.open_session(key, token, expires, session);
        Ok(xml)
    }

    fn may_assume(&self, role: &str, external_id: Option<&str>) -> bool {
        self.roles.is_empty()
            || self.roles.iter().any(|known| {
                known.arn == role
                    && known
                        .external_id
                        .as_deref()
                        .is_none_or(|wanted| external_id == Some(wanted))
            })
    }
}

fn answer(operation: &str, result: impl FnOnce(&mut Writer)) -> String {
    let mut xml = Writer::new();
    xml.root(&format!("{operation}Response"), NAMESPACE, |xml| {
        xml.element(&format!("{operation}Result"), result);
        xml.element("ResponseMetadata", |xml| {
            xml.text("RequestId", &ids::random_uuid());
        });
    });
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            arn: "arn:aws:iam::111122223333:user/me".into(),
            user_id: "AIDA1".into(),
        }
    }

    fn sts(roles: Vec<Role>) -> Sts {
        let keyring = Keyring::new(Vec::new(), caller());
        Sts::new(Arc::new(Site::default()), Clock::start(), keyring, roles)
    }

    fn assume(sts: &Sts, extra: &[(&str, &str)]) -> Result<String, StsError> {
        let mut parameters = vec![
            (
                "RoleArn".to_owned(),
                "arn:aws:iam::444455556666:role/path/reader".to_owned(),
            ),
            ("RoleSessionName".to_owned(), "s1".to_owned()),
        ];
        parameters.extend(
            extra
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        sts.perform("AssumeRole", &parameters, &caller())
    }

    #[tokio::test]
    async fn an_assumed_role_belongs_to_the_roles_account() {
        let xml = assume(&sts(Vec::new()), &[]).expect("a session");
        assert!(xml.contains("<Arn>arn:aws:sts::444455556666:assumed-role/reader/s1</Arn>"));
    }

    #[tokio::test]
    async fn durations_out_of_range_are_refused() {
        for duration in ["899", "43201", "x"] {
            let result = assume(&sts(Vec::new()), &[("DurationSeconds", duration)]);
            assert!(matches!(result, Err(StsError::Validation(_))), "{duration}");
        }
    }

    #[tokio::test]
    async fn the_external_id_must_match() {
        let sts = sts(vec![Role {
            arn: "arn:aws:iam::444455556666:role/path/reader".into(),
            external_id: Some("secret".into()),
        }]);
        assert!(assume(&sts, &[("ExternalId", "secret")]).is_ok());
        for extra in [&[("ExternalId", "other")][..], &[]] {
            let result = assume(&sts, extra);
            assert!(matches!(result, Err(StsError::AccessDenied { .. })));
        }
    }
}
