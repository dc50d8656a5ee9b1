//! What somebody who started Daylight at a terminal needs next: where to send events, with which secret, and how to look.

use runtime::{LogFormat, SecretSource};

use crate::{
    commands::note,
    config::Config,
    data_folder::{DataFolder, Endpoints},
};

/// Says it, where logs are for people. Logs for machines are not disturbed.
pub(crate) fn say(config: &Config, folder: &DataFolder, endpoints: &Endpoints) {
    if config.logs.format != LogFormat::Text || endpoints.ingest.is_empty() {
        return;
    }
    for line in lines(config, folder, endpoints) {
        note(&line);
    }
}

fn lines(config: &Config, folder: &DataFolder, endpoints: &Endpoints) -> Vec<String> {
    let mut lines = vec![String::new(), "  Daylight is running.".to_owned()];
    let mut line = |what: &str, text: String| lines.push(format!("  {what:<10} {text}"));
    line("data", format!("{} (log, tables, keys)", folder.path().display()));
    line("watch", format!("{0}/metrics   {0}/readyz", endpoints.admin));
    for connection in &config.connections {
        let whose = format!("{} of {}, for {}", connection.provider, connection.provider_tenant, connection.tenant);
        if let Some(secret) = &connection.secret {
            line("send to", format!("{}/v1/events/{}   {whose}; secret in {secret}", endpoints.ingest, connection.id));
        }
        if let Some(hub) = &connection.hub {
            line("reads", format!("{whose}, from the hub {}", hub.topic));
        }
        if let Some(poll) = &connection.poll {
            line("polls", format!("{} by the API {}", whose, poll.api.as_str()));
        }
    }
    let secrets = config.connections.iter().find_map(|connection| Some((connection, connection.secret.as_ref()?)));
    match secrets {
        Some((first, secret)) => {
            let data = format!("--data-folder {}", folder.path().display());
            lines.push(String::new());
            lines.push("  Send what your identity provider exports (`page.json`), then look:".to_owned());
            lines.push(format!("    {}", example(&endpoints.ingest, &first.id, secret)));
            lines.push(format!("    daylight apps {data}"));
        }
        None if !config.connections.is_empty() => {}
        None => {
            lines.push(String::new());
            lines.push(
                "  Nobody can send events yet: no [[connections]] are configured. Stop this (Ctrl-C) and write a"
                    .to_owned(),
            );
            lines.push("  configuration to start from, for Okta, for Microsoft Entra, or for both:".to_owned());
            lines.push("    daylight init --okta YOUR-ORG.okta.com --entra YOUR-TENANT-ID".to_owned());
        }
    }
    lines.push(String::new());
    lines
}

/// A line for the shell that sends a file as the connection.
pub(crate) fn example(ingest: &str, connection: &str, secret: &SecretSource) -> String {
    let secret = match secret {
        SecretSource::File(path) => format!("$(cat '{}')", path.display()),
        SecretSource::Env(name) => format!("${name}"),
    };
    format!("curl -H \"Authorization: {secret}\" --data-binary @page.json {ingest}/v1/events/{connection}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(config: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daylight.toml");
        std::fs::write(&path, config).unwrap();
        let config: Config = runtime::load_config(Some(&path), std::iter::empty()).unwrap();
        let endpoints = Endpoints { ingest: "http://127.0.0.1:1".into(), ..Endpoints::default() };
        lines(&config, &DataFolder::open(folder.path()).unwrap(), &endpoints).join("\n")
    }

    #[test]
    fn without_a_connection_it_says_how_to_come_to_one() {
        assert!(shown("").contains("daylight init --okta"));
    }

    #[test]
    fn a_connection_has_a_line_that_can_be_pasted_and_no_secret() {
        let text = shown(
            "[[connections]]\nid = \"okta\"\ntenant = \"acme\"\nprovider = \"okta\"\nprovider_tenant = \"acme.okta.com\"\nsecret = { file = \"/keys/okta\" }\n",
        );
        assert!(text.contains("curl -H \"Authorization: $(cat '/keys/okta')\" --data-binary @page.json http://127.0.0.1:1/v1/events/okta"), "{text}");
        assert!(!text.contains("daylight init"));
    }
}
