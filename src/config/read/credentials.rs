//! `inputs.<name>.credentials`.

use secrecy::ExposeSecret;

use super::super::decode::Mapping;
use super::super::model::Credentials;

pub(super) fn read(mut map: Mapping<'_>) -> Option<Credentials> {
    let access_key = map.get("access_key");
    let access_secret = map.get("access_secret");
    let session_token = map.get("session_token");
    let profile = map.get("profile");
    let credentials = match (access_key, access_secret, profile) {
        (Some(key), Some(secret), None) => {
            let session_token = match session_token {
                Some(token) => token.secret().map(Some),
                None => Some(None),
            };
            let (access_key, access_secret) = (key.secret(), secret.secret());
            access_key.zip(access_secret).zip(session_token).map(
                |((access_key, access_secret), session_token)| Credentials::Static {
                    access_key,
                    access_secret,
                    session_token,
                },
            )
        }
        (None, None, profile) => match (profile, session_token) {
            (_, Some(token)) => token.fail_whole(
                "`session_token` without keys",
                "it belongs to temporary keys: give `access_key` and `access_secret`",
            ),
            (Some(profile), None) => profile.text().map(Credentials::Profile),
            (None, None) => Some(Credentials::DefaultChain),
        },
        (Some(_), Some(_), Some(profile)) => {
            profile.fail_whole("both keys and a profile", "keep one of the two")
        }
        (Some(key), None, _) => key.fail_whole("`access_key` without `access_secret`", "give both"),
        (None, Some(secret), _) => {
            secret.fail_whole("`access_secret` without `access_key`", "give both")
        }
    };
    map.finish();
    credentials
}

/// What tells one account's credentials from another's; never to be shown.
pub(super) fn account(credentials: &Credentials) -> String {
    match credentials {
        Credentials::Static { access_key, .. } => format!("key {}", access_key.expose_secret()),
        Credentials::Profile(profile) => format!("profile {profile}"),
        Credentials::DefaultChain => "default chain".into(),
    }
}
