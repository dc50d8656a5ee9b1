//! What ships beside the binary is true: the example configurations are read by the real loader, and everything that `deploy/compose.yaml`
//! names exists. No engine runs it here; that is said in the file itself.

#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde::Deserialize;
use tests::servers::binary;

/// The roles that compose runs apart.
const ROLES: [&str; 4] = ["ingest", "detect", "sink", "notify"];

/// The file, as far as it is ours. A key that no service should have is refused, so that a typing error is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compose {
    #[expect(dead_code, reason = "only its presence matters")]
    name: String,
    services: BTreeMap<String, Service>,
    configs: BTreeMap<String, File>,
    secrets: BTreeMap<String, File>,
    volumes: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(rename = "x-role")]
    role: Service,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Service {
    image: String,
    user: String,
    read_only: bool,
    cap_drop: Vec<String>,
    security_opt: Vec<String>,
    restart: String,
    stop_grace_period: String,
    command: Vec<String>,
    configs: Vec<Mount>,
    secrets: Vec<String>,
    ports: Vec<String>,
    volumes: Vec<String>,
    environment: BTreeMap<String, String>,
    ulimits: BTreeMap<String, u64>,
    depends_on: BTreeMap<String, Dependency>,
    healthcheck: Health,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Health {
    test: Vec<String>,
    interval: String,
    timeout: String,
    retries: u32,
    start_period: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mount {
    source: String,
    target: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dependency {
    condition: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    file: String,
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn compose() -> Compose {
    let text = fs::read_to_string(deploy().join("compose.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("deploy/compose.yaml: {error}"))
}

fn daylight(arguments: &[&str]) -> Output {
    Command::new(binary().unwrap()).args(arguments).output().unwrap()
}

/// Reads a configuration as the roles do; tells exit code and words.
fn check_config(path: &Path) -> (Option<i32>, String) {
    let output = daylight(&["check-config", "--config", path.to_str().unwrap()]);
    (
        output.status.code(),
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    )
}

/// The example with every key that is commented out (`#key`, no blank, unlike prose) put into force.
fn with_every_key(text: &str) -> String {
    let live = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| live(line) + "\n").collect()
}

/// Every key of the configuration, from the source of its structs.
fn keys_of_the_configuration() -> BTreeSet<String> {
    let crates = deploy().join("../crates");
    let sections = ["daylight", "ingest", "detect", "sink", "notify"].map(|section| format!("{section}/src/config.rs"));
    let mut keys = BTreeSet::new();
    let others =
        ["runtime/src/http_client.rs", "ingest/src/hub/config.rs", "ingest/src/poll/config.rs"].map(str::to_owned);
    for source in sections.into_iter().chain(others) {
        let text = fs::read_to_string(crates.join(source)).unwrap();
        for line in text.lines() {
            let field = line.strip_prefix("    pub(crate) ").or_else(|| line.strip_prefix("    pub "));
            let field = field.and_then(|field| field.split_once(": "));
            // Not the arguments of a function that stands in the same file.
            if let Some((name, _)) = field.filter(|(name, _)| !name.contains(' ')) {
                keys.insert(name.to_owned());
            }
        }
    }
    assert!(keys.len() > 40, "only {keys:?}: the fields are written in another way now");
    keys
}

#[test]
fn the_example_configuration_is_read_as_it_stands_and_with_every_key_in_force() {
    let path = deploy().join("config/daylight.toml");
    let (code, words) = check_config(&path);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("0 connections, 0 receivers"), "as it stands it changes nothing: {words}");
    let every_key = tempfile::NamedTempFile::new().unwrap();
    // Mappings are read with the configuration: the ones that it names are those beside it.
    let mappings = deploy().join("config/mappings");
    let text = fs::read_to_string(&path).unwrap().replace("/etc/daylight/mappings", mappings.to_str().unwrap());
    fs::write(every_key.path(), with_every_key(&text)).unwrap();
    let (code, words) = check_config(every_key.path());
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("7 connections, 3 receivers, 1 tenants"), "{words}");
}

#[test]
fn the_example_configuration_names_every_key_there_is() {
    let text = with_every_key(&fs::read_to_string(deploy().join("config/daylight.toml")).unwrap());
    let begins = |line: &str, key: &str| {
        let headings = [
            format!("[{key}]"),
            format!("[[{key}]]"),
            format!("[log.{key}]"),
            format!("[connections.{key}]"),
            format!("[connections.hub.{key}]"),
        ];
        line.strip_prefix(key).is_some_and(|rest| rest.starts_with(" = "))
            || headings.iter().any(|heading| line == heading)
    };
    let mut missing = keys_of_the_configuration();
    missing.retain(|key| !text.lines().any(|line| begins(line, key)));
    assert!(missing.is_empty(), "deploy/config/daylight.toml says nothing of {missing:?}");
}

#[test]
fn a_configuration_with_a_typing_error_is_exit_code_2_and_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "[sink]\nflush_interval_s = 1\n").unwrap();
    let (code, words) = check_config(file.path());
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("flush_interval_s") && words.trim_end().lines().count() == 1, "{words}");
}

#[test]
fn every_role_of_compose_is_a_command_and_locked_down() {
    let compose = compose();
    let help = String::from_utf8(daylight(&["--help"]).stdout).unwrap();
    let commands: Vec<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    for role in ROLES {
        let service = &compose.services[role];
        assert_eq!(service.command[0], role);
        assert!(commands.contains(&role), "`daylight --help` knows no {role}");
        let options = String::from_utf8(daylight(&[role, "--help"]).stdout).unwrap();
        assert!(options.contains(&service.command[1]), "`daylight {role}` knows no {}", service.command[1]);
        assert_eq!(service.command[2], service.configs[0].target, "{role} reads another file than is mounted");
        assert_eq!(service.user, "65532:65532", "{role}");
        assert!(service.read_only && service.cap_drop == ["ALL"], "{role}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{role}");
        assert_eq!(service.volumes, [format!("{role}:/data")], "{role} writes to /data and nowhere else");
        assert_eq!(service.healthcheck.test, ["CMD", "/usr/local/bin/daylight", "health"], "{role}");
        assert!(commands.contains(&"health"));
        assert_eq!(service.image, compose.role.image, "one image for every role");
    }
}

#[test]
fn every_file_service_volume_and_secret_that_compose_names_is_there() {
    let compose = compose();
    for config in compose.configs.values() {
        assert!(deploy().join(&config.file).is_file(), "there is no deploy/{}", config.file);
    }
    for (name, service) in &compose.services {
        assert!(!service.image.is_empty() && !service.restart.is_empty(), "{name}");
        assert!(service.configs.iter().all(|mount| compose.configs.contains_key(&mount.source)), "{name}");
        assert!(service.secrets.iter().all(|secret| compose.secrets.contains_key(secret)), "{name}");
        for (other, dependency) in &service.depends_on {
            assert!(compose.services.contains_key(other), "{name} waits for {other}");
            assert_eq!(dependency.condition, "service_healthy", "{name} waits for {other}");
        }
        for volume in &service.volumes {
            let (source, _) = volume.split_once(':').unwrap();
            assert!(compose.volumes.contains_key(source), "{name} mounts {source}");
        }
        for port in &service.ports {
            assert!(port.starts_with("127.0.0.1:"), "{name} is open to the world: {port}");
        }
        let health = &service.healthcheck;
        assert_eq!(health.test[0], "CMD", "{name}: without a shell");
        assert!(
            health.retries > 0
                && [&health.interval, &health.timeout, &health.start_period].iter().all(|time| time.ends_with('s'))
        );
    }
}

#[test]
fn the_configuration_of_compose_is_read_and_each_role_is_given_its_secrets_and_no_others() {
    let compose = compose();
    let path = deploy().join(&compose.configs["daylight"].file);
    let (code, words) = check_config(&path);
    assert_eq!(code, Some(0), "{words}");
    let config: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let of_section = |section: &str| -> BTreeSet<String> {
        let text = config.get(section).map(ToString::to_string).unwrap_or_default();
        text.split("/run/secrets/").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    for (role, sections) in [
        ("ingest", &["tenants", "connections"][..]),
        ("detect", &["tenants"]),
        ("sink", &["tenants", "clickhouse"]),
        ("notify", &["tenants", "receivers"]),
    ] {
        let needed: BTreeSet<String> = sections.iter().flat_map(|section| of_section(section)).collect();
        let given: BTreeSet<String> = compose.services[role].secrets.iter().cloned().collect();
        assert_eq!(given, needed, "{role}");
    }
    let tenants: BTreeSet<&str> = tables(&config, "tenants").map(|tenant| tenant["id"].as_str().unwrap()).collect();
    for connection in tables(&config, "connections") {
        let tenant = connection["tenant"].as_str().unwrap();
        assert!(tenants.contains(tenant), "roles that run apart would each make a key of their own for {tenant}");
    }
    for (address, service) in [("log.kafka", "kafka"), ("clickhouse.url", "clickhouse")] {
        let (section, key) = address.split_once('.').unwrap();
        assert!(config[section][key].as_str().unwrap().contains(service) && compose.services.contains_key(service));
    }
    for (section, port) in [("admin", 8481), ("ingest", 8480)] {
        assert_eq!(config[section]["listen"].as_str(), Some(format!("0.0.0.0:{port}").as_str()));
    }
    assert_eq!(
        compose.services["clickhouse"].environment["CLICKHOUSE_USER"],
        config["clickhouse"]["user"].as_str().unwrap()
    );
}

#[test]
fn prometheus_in_compose_asks_every_role_and_tells_the_alertmanager_of_compose() {
    let compose = compose();
    let text = fs::read_to_string(deploy().join(&compose.configs["prometheus"].file)).unwrap();
    for role in ROLES {
        assert!(text.contains(&format!("'{role}:8481'")), "{role} is not scraped");
    }
    assert!(text.contains("'alertmanager:9093'") && compose.services.contains_key("alertmanager"));
    let mounted: BTreeSet<&str> =
        compose.services["prometheus"].configs.iter().map(|mount| mount.target.as_str()).collect();
    assert_eq!(mounted, BTreeSet::from(["/etc/prometheus/prometheus.yml", "/etc/prometheus/daylight.rules.yml"]));
    assert!(text.contains("- daylight.rules.yml"), "the rules lie beside the configuration");
}

fn tables<'a>(config: &'a toml::Table, name: &str) -> impl Iterator<Item = &'a toml::Table> {
    config[name].as_array().unwrap().iter().map(|value| value.as_table().unwrap())
}
