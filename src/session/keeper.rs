//! The keeper of a session: finds credentials, asks AWS who they are, and renews them before they expire.

use std::time::{Duration, SystemTime};

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::config::IdentityCache;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::call::{causes, describe};
use super::credentials::{Credentials, Newest};
use super::{Established, Session, SessionError};

/// Renewal happens this long before the credentials expire; AWS's own clients use up to 10 minutes.
const RENEW_AHEAD: Duration = Duration::from_secs(300);

/// The wait after a failed attempt: doubled each time from the first to the last value, with full jitter.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A TCP and TLS handshake with an AWS endpoint takes milliseconds; 5 s is a lost packet or three.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time to the first byte of an answer. SQS long polls last 20 s (its maximum), so this is above.
const READ_TIMEOUT: Duration = Duration::from_secs(45);

/// What one session is made from.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The input's name, for the log.
    pub input: String,
    /// The region.
    pub region: String,
    /// Where the credentials come from.
    pub credentials: Credentials,
    /// The endpoint of STS, where it is not AWS's own.
    pub sts_endpoint_url: Option<String>,
    /// An SDK configuration to start from, where an embedding program brings its own.
    pub sdk: Option<SdkConfig>,
    /// The HTTP client that all sessions share.
    pub http: SharedHttpClient,
}

/// The HTTP client for all of AWS: HTTP/1.1 and 2 over rustls with *ring*, like everything else here.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Establishes `session` and keeps it: runs until `shutdown`, and tries again for ever when AWS refuses.
pub async fn keep(session: Session, settings: SessionSettings, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = establish_for_ever(&session, &settings) => {}
    }
}

async fn establish_for_ever(session: &Session, settings: &SessionSettings) {
    let newest = Newest::default();
    let sdk = sdk_config(settings, newest.clone());
    let provider = provider(settings).await;
    let mut failures = 0;
    loop {
        match establish(settings, &sdk, &provider, &newest).await {
            Ok(established) => {
                failures = 0;
                let renew_in = established.expires.map(until_renewal);
                session.publish(established);
                let due = async {
                    match renew_in {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = due => info!(origin = "Session", "Renewing the credentials of input {} ahead of their expiry", settings.input),
                    () = session.renewal.notified() => {
                        info!(origin = "Session", "AWS refused the credentials of input {}: reading them anew", settings.input);
                        // A refused key stays refused for a while: reading it again must not become a loop.
                        tokio::time::sleep(FIRST_WAIT).await;
                    }
                }
            }
            Err(error) => {
                let ceiling = FIRST_WAIT
                    .saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX))
                    .min(LONGEST_WAIT);
                failures = failures.saturating_add(1);
                let wait = ceiling.mul_f64(0.5 + fastrand::f64() / 2.0);
                warn!(
                    origin = "Session",
                    "{error}; next attempt in {:.1} seconds",
                    wait.as_secs_f64()
                );
                tokio::time::sleep(wait).await;
            }
        }
    }
}

fn until_renewal(expires: SystemTime) -> Duration {
    let left = expires
        .duration_since(SystemTime::now())
        .unwrap_or(Duration::ZERO);
    // Credentials that live shorter than the usual margin are renewed at half their life, and never in a tight loop.
    left.checked_sub(RENEW_AHEAD)
        .unwrap_or(left / 2)
        .max(Duration::from_secs(1))
}

async fn establish(
    settings: &SessionSettings,
    sdk: &SdkConfig,
    provider: &SharedCredentialsProvider,
    newest: &Newest,
) -> Result<Established, SessionError> {
    let keys = provider
        .provide_credentials()
        .await
        .map_err(|error| SessionError::Credentials {
            input: settings.input.clone(),
            problem: causes(&error),
        })?;
    let expires = keys.expiry();
    newest.set(keys);
    let identity_error = |problem| SessionError::Identity {
        input: settings.input.clone(),
        region: settings.region.clone(),
        problem,
    };
    let mut config = aws_sdk_sts::config::Builder::from(sdk);
    if let Some(url) = &settings.sts_endpoint_url {
        config = config.endpoint_url(url);
    }
    let identity = aws_sdk_sts::Client::from_conf(config.build())
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| identity_error(describe(&error)))?;
    let account = identity
        .account
        .ok_or_else(|| identity_error("the answer names no account".to_owned()))?;
    Ok(Established {
        sdk: sdk.clone(),
        account,
        expires,
    })
}

async fn provider(settings: &SessionSettings) -> SharedCredentialsProvider {
    if let Some(own) = settings
        .sdk
        .as_ref()
        .and_then(SdkConfig::credentials_provider)
    {
        return own;
    }
    let configuration = ProviderConfig::without_region()
        .with_region(Some(Region::new(settings.region.clone())))
        .with_http_client(settings.http.clone());
    settings.credentials.provider(&configuration).await
}

fn sdk_config(settings: &SessionSettings, newest: Newest) -> SdkConfig {
    let builder = match &settings.sdk {
        Some(own) => own.to_builder(),
        None => SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
            .time_source(aws_smithy_async::time::SystemTimeSource::new())
            .retry_config(RetryConfig::standard().with_max_attempts(4))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(READ_TIMEOUT)
                    .build(),
            )
            .http_client(settings.http.clone()),
    };
    builder
        .region(Region::new(settings.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(newest))
        // The provider holds the keys itself, and a cache in front of it would outlive a renewal.
        .identity_cache(IdentityCache::no_cache())
        // A body that waits because our receiver is slow is not stalled; objects are read with a limit of their own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_ahead_of_expiry_and_never_a_loop() {
        let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
        let wait = until_renewal(in_an_hour);
        assert!(wait <= Duration::from_secs(3300) && wait > Duration::from_secs(3200));
        let in_a_minute = SystemTime::now() + Duration::from_secs(60);
        assert!(until_renewal(in_a_minute) <= Duration::from_secs(30));
        let long_gone = SystemTime::UNIX_EPOCH;
        assert_eq!(until_renewal(long_gone), Duration::from_secs(1));
    }
}
