//! What people add to an app's name without meaning another app: `Zoom (SAML)`, `Zoom - Production`, `Zoom for Outlook`.
//!
//! Only words at the edges come off, one at a time, and the caller asks after each: a known name that ends in such a word (`Outlook Web`)
//! is found before it is taken apart.

/// What an administrator adds at the end.
const SUFFIXES: &str = "sso saml saml2 saml20 oidc oauth oauth2 swa scim app application apps prod production prd dev development \
    staging stage stg sandbox test testing qa uat demo trial inc llc ltd gmbh corp corporation limited ag new \
    old legacy integration login portal connector provisioning web mobile desktop ios android addin addon \
    plugin extension eu us uk emea apac global free enterprise business official access account 2 0 v2 v3";

/// What an administrator puts in front.
const PREFIXES: &str = "sso saml new old prod production test dev the legacy zz z";

/// What an app is made to work in, without spaces.
const HOSTS: &str = "outlook microsoftoutlook gmail google googleworkspace gsuite googlecalendar googledrive googledocs \
    googlesheets googlechrome chrome firefox safari edge microsoftteams teams slack jira jiracloud confluence \
    salesforce hubspot zendesk servicenow office365 microsoft365 o365 office excel word powerpoint sharepoint \
    onedrive windows mac macos ios iphone ipad android linux desktop mobile web enterprise business companies \
    education work government vscode visualstudiocode jetbrains intune notion github gitlab figma zoom webex \
    okta trello asana everyone";

/// Takes one decoration off the lower-case words of a name; false when there is none, or when nothing would be left.
pub(crate) fn strip_once(words: &mut Vec<String>) -> bool {
    if let Some(at) = words.iter().rposition(|word| word == "for").filter(|at| *at > 0) {
        let host = words.get(at.saturating_add(1)..).unwrap_or_default().concat();
        if has_word(HOSTS, &host) {
            words.truncate(at);
            return true;
        }
    }
    if words.len() < 2 {
        return false;
    }
    if words.last().is_some_and(|word| has_word(SUFFIXES, word)) {
        words.pop();
        return true;
    }
    if words.first().is_some_and(|word| has_word(PREFIXES, word)) {
        words.remove(0);
        return true;
    }
    false
}

fn has_word(list: &str, word: &str) -> bool {
    list.split(' ').any(|each| each == word)
}
