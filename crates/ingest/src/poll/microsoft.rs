//! How an app that was registered in Microsoft Entra logs in, for whichever of Microsoft's APIs
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>).

use reqwest::Url;

use super::{PollConfig, login::Credential, url};

/// Where tokens are asked for, when no other place is configured.
const LOGIN_URL: &str = "https://login.microsoftonline.com";

/// The login of a registered app at the API behind `base`, for the directory of this id.
///
/// # Errors
/// Which key is missing.
pub(crate) fn login(config: &PollConfig, base: &Url, directory: &str) -> Result<Credential, String> {
    let missing =
        |key: &str| format!("an api of {} needs `{key}`, of the app that was registered for us", config.api.as_str());
    let default_url = || format!("{LOGIN_URL}/{directory}/oauth2/v2.0/token");
    let token_url = url::read_base(&config.token_url.clone().unwrap_or_else(default_url))?;
    Ok(Credential::ClientCredentials {
        token_url: token_url.to_string(),
        client_id: config.client_id.clone().ok_or_else(|| missing("client_id"))?,
        secret: config.client_secret.clone().ok_or_else(|| missing("client_secret"))?,
        scope: format!("{}/.default", url::text_of(base)),
    })
}
