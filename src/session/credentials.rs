//! Where an input's credentials come from, and the provider that hands the newest ones to every client.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use secrecy::{ExposeSecret, SecretString};

/// One source of credentials.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A user's keys.
    Static {
        /// Access key id.
        access_key: SecretString,
        /// Secret access key.
        access_secret: SecretString,
        /// Session token, for temporary keys.
        session_token: Option<SecretString>,
    },
    /// A profile of the shared configuration files.
    Profile(String),
    /// The default chain: environment, profile, web identity, ECS, IMDS.
    DefaultChain,
    /// Whatever an embedding program provides.
    Provided(SharedCredentialsProvider),
}

impl Credentials {
    /// The provider behind it. Reads nothing yet.
    pub(super) async fn provider(
        &self,
        configuration: &ProviderConfig,
    ) -> SharedCredentialsProvider {
        match self {
            Self::Static {
                access_key,
                access_secret,
                session_token,
            } => SharedCredentialsProvider::new(Keys::new(
                access_key.expose_secret(),
                access_secret.expose_secret(),
                session_token
                    .as_ref()
                    .map(|token| token.expose_secret().to_owned()),
                None,
                "cloudweir configuration",
            )),
            Self::Profile(name) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(configuration)
                    .profile_name(name)
                    .build(),
            ),
            Self::DefaultChain => {
                let builder = DefaultCredentialsChain::builder().configure(configuration.clone());
                SharedCredentialsProvider::new(builder.build().await)
            }
            Self::Provided(provider) => provider.clone(),
        }
    }
}

/// The newest keys, for clients that ask before each request.
#[derive(Clone, Default)]
pub(super) struct Newest {
    keys: Arc<RwLock<Option<Keys>>>,
}

impl Newest {
    pub(super) fn set(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }
}

impl fmt::Debug for Newest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Newest(…)")
    }
}

impl ProvideCredentials for Newest {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        future::ProvideCredentials::ready(
            keys.clone()
                .ok_or_else(|| CredentialsError::not_loaded("the session is not established yet")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clients_get_the_newest_keys_and_debug_shows_none() {
        let newest = Newest::default();
        assert!(newest.provide_credentials().await.is_err());
        newest.set(Keys::new("AKIA1", "hush", None, None, "test"));
        newest.set(Keys::new("AKIA2", "hush", None, None, "test"));
        let keys = newest.provide_credentials().await.unwrap();
        assert_eq!(keys.access_key_id(), "AKIA2");
        assert!(!format!("{newest:?}").contains("hush"));
    }
}
