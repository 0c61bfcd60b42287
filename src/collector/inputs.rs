//! From configured inputs to sessions and services.

use std::collections::BTreeMap;
use std::convert::Infallible;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::config::model::{Credentials as ConfiguredCredentials, Input};
use crate::session::{CallLimit, Caller, Credentials, Limiter, Session, SessionSettings, keep};
use crate::source::registry::{self, Surroundings};
use crate::supervision::{ChildSpec, Strategy, SupervisorSpec};

/// What all inputs share towards AWS.
pub(super) struct Aws {
    pub(super) http: SharedHttpClient,
    /// An embedding program's own configuration.
    pub(super) sdk: Option<SdkConfig>,
}

/// The supervisor of one input: a session for each region, then the services.
pub(super) fn child(
    input: &Input,
    aws: &Aws,
    surroundings: &Surroundings,
) -> Result<ChildSpec, StartError> {
    let mut callers: BTreeMap<&str, Caller> = BTreeMap::new();
    let mut sessions = Vec::new();
    let mut services = Vec::new();
    for service in &input.services {
        for region in &service.regions {
            let caller = callers.entry(region).or_insert_with(|| {
                let session = Session::default();
                sessions.push(session_child(&session, settings(input, region, aws)));
                // AWS counts calls by account and region, and so do the limits.
                Caller::new(session, limiter(input))
            });
            services.extend(registry::children(
                input,
                service,
                region,
                caller,
                surroundings,
            )?);
        }
    }
    let spec = SupervisorSpec::new(Strategy::OneForOne)
        .intensity(surroundings.intensity)
        .children(sessions)
        .children(services);
    Ok(ChildSpec::supervisor(
        super::builder::child_name(&input.name),
        spec,
    ))
}

fn session_child(session: &Session, settings: SessionSettings) -> ChildSpec {
    let session = session.clone();
    let name = format!("session:{}", settings.region);
    ChildSpec::worker(name, move |shutdown: CancellationToken| {
        let (session, settings) = (session.clone(), settings.clone());
        async move {
            keep(session, settings, shutdown).await;
            Ok::<_, Infallible>(())
        }
    })
}

fn settings(input: &Input, region: &str, aws: &Aws) -> SessionSettings {
    SessionSettings {
        input: input.name.clone(),
        region: region.to_owned(),
        credentials: credentials(&input.credentials),
        sts_endpoint_url: input.endpoints.sts.clone(),
        sdk: aws.sdk.clone(),
        http: aws.http.clone(),
    }
}

fn credentials(configured: &ConfiguredCredentials) -> Credentials {
    match configured {
        ConfiguredCredentials::Static {
            access_key,
            access_secret,
            session_token,
        } => Credentials::Static {
            access_key: access_key.clone(),
            access_secret: access_secret.clone(),
            session_token: session_token.clone(),
        },
        ConfiguredCredentials::Profile(name) => Credentials::Profile(name.clone()),
        ConfiguredCredentials::DefaultChain => Credentials::DefaultChain,
    }
}

fn limiter(input: &Input) -> Limiter {
    let limits: Vec<CallLimit> = input
        .request_limits
        .iter()
        .map(|limit| CallLimit {
            period: limit.period,
            calls: limit.requests.get(),
        })
        .collect();
    Limiter::new(&limits)
}
