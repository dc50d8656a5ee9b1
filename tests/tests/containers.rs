//! The container image: built with buildah from the binary of this build, looked at, and run; and gone again afterwards.
//!
//! Needs no container engine, no daemon and no network, but root (or a user namespace that may mount), as buildah itself does. What only
//! an engine can show is named as untested in `deploy/container/README.md`.

#![cfg(test)]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use tests::{
    poll,
    servers::{KafkaServer, binary, kafka::Seal},
    tls::Authority,
};

/// The account that the image runs as.
const ACCOUNT: u32 = 65_532;
/// Bytes of everything in the image, with a debug binary: 61 MB were measured.
const IMAGE_BYTES_MAX: u64 = 80_000_000;
/// A debug binary starts, on a machine that is busy with other tests.
const READY_WITHIN: Duration = Duration::from_secs(90);
/// A process that was killed is gone.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// Turns a folder into the root of a process as an engine with `--read-only` does: everything bound read-only, the data folder bound
/// writable, no capability left because the account has none.
const READ_ONLY_RUN: &str = r#"
set -eu
root=$1 data=$2; shift 2
mkdir -p "$root/dev" "$root/proc"
mount --bind "$root" "$root"
mount --bind "$data" "$root/data"
mount --rbind /dev "$root/dev"
mount --bind /proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot --userspec=65532:65532 "$root" "$@"
"#;

/// An image and a container made of it, in a storage of their own.
struct Image {
    folder: tempfile::TempDir,
    container: String,
    root: PathBuf,
}

impl Image {
    fn build() -> Image {
        let folder = tempfile::tempdir().unwrap();
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/container");
        let context = folder.path().join("context");
        let laid_out = Command::new(deploy.join("root.sh")).arg(binary().unwrap()).arg(&context).output().unwrap();
        assert!(laid_out.status.success(), "root.sh: {}", words(&laid_out));
        let mut image = Image { folder, container: String::new(), root: PathBuf::new() };
        let (file, context) = (deploy.join("Containerfile"), context.to_str().unwrap().to_owned());
        let build = ["build", "--isolation", "chroot", "--quiet", "--tag", "daylight:test", "--file"];
        image.buildah(&[&build[..], &[file.to_str().unwrap(), &context]].concat());
        image.container = image.buildah(&["from", "--pull-never", "daylight:test"]);
        image.root = PathBuf::from(image.buildah(&["mount", &image.container]));
        image
    }

    fn command(&self) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.folder.path().join("storage"));
        command.arg("--runroot").arg(self.folder.path().join("run")).args(["--storage-driver", "vfs"]);
        command
    }

    /// Runs buildah; tells what it printed.
    fn buildah(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output();
        let output = output.expect("buildah is missing: run make stack, or apt-get install buildah");
        assert!(output.status.success(), "buildah {arguments:?}: {}", words(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `daylight …` in the container, as its account.
    fn daylight(&self, arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["run", "--isolation", "chroot", "--user", "65532:65532"]);
        command.args(["--env", "DAYLIGHT__ADMIN__LISTEN=0.0.0.0:0", "--env", "DAYLIGHT__INGEST__LISTEN=127.0.0.1:0"]);
        command.args([&self.container, "--", "/usr/local/bin/daylight"]).args(arguments);
        command
    }

    /// `daylight …` on the image's root, bound read-only.
    fn daylight_on_read_only_root(&self, data: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        // Nothing of the test's own environment, where a configuration might stand.
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.args(["--mount", "--propagation", "private", "sh", "-c", READ_ONLY_RUN, "sh"]);
        command.args([&self.root, data]).arg("/usr/local/bin/daylight").args(arguments);
        command
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        for arguments in [["rm", "--all"], ["rmi", "--all"]] {
            // The folder goes in any case; this takes its mounts away first.
            drop(self.command().args(arguments).output());
        }
    }
}

/// A role that runs; killed at the end, whatever the test says.
struct Role(Child);

impl Role {
    fn start(mut command: Command) -> Role {
        Role(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// SIGTERM, which buildah passes on as an engine does.
    fn stop(&self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.stop();
        drop(self.0.wait());
    }
}

fn words(output: &Output) -> String {
    format!("{}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every file of a folder, by its path below it. Follows no link, as the image has none.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                left.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found
}

/// Health once it is what is expected: `Ok` for 0.
fn await_health(within: Duration, is_ready: bool, mut health: impl FnMut() -> Command) {
    let what = if is_ready { "health says 0" } else { "health says 1" };
    let asked = poll(within, what, || {
        let output = health().output()?;
        // The words as well as the code, so that a failure of buildah is not taken for an answer of ours.
        let (code, said) = if is_ready { (0, "ready\n") } else { (1, "daylight: ") };
        anyhow::ensure!(output.status.code() == Some(code) && words(&output).contains(said), "{}", words(&output));
        Ok(())
    });
    asked.unwrap();
}

#[test]
fn the_image_holds_the_binary_with_its_libraries_and_nothing_else_that_runs() {
    let image = Image::build();
    let (mut runnable, mut bytes) = (BTreeSet::new(), 0);
    for file in files(&image.root) {
        let metadata = fs::metadata(image.root.join(&file)).unwrap();
        bytes += metadata.len();
        assert_eq!(metadata.uid(), 0, "{} belongs to the account that runs", file.display());
        assert_eq!(metadata.mode() & 0o022, 0, "{} can be written to", file.display());
        if metadata.permissions().mode() & 0o111 != 0 && !file.to_str().unwrap().contains(".so") {
            runnable.insert(file);
        }
    }
    assert_eq!(runnable, BTreeSet::from([PathBuf::from("usr/local/bin/daylight")]), "no shell, no tools");
    assert!(bytes < IMAGE_BYTES_MAX, "the image has grown to {bytes} bytes");
    assert!(image.root.join("etc/ssl/certs/ca-certificates.crt").is_file());
    let data = fs::metadata(image.root.join("data")).unwrap();
    assert_eq!((data.uid(), data.gid()), (ACCOUNT, ACCOUNT), "/data belongs to the account");
    let environment =
        image.buildah(&["inspect", "--type", "image", "--format", "{{.OCIv1.Config.Env}}", "daylight:test"]);
    assert!(environment.contains("SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"), "{environment}");
    let format =
        "{{.OCIv1.Config.User}} {{.OCIv1.Config.WorkingDir}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}";
    let config = image.buildah(&["inspect", "--type", "image", "--format", format, "daylight:test"]);
    assert_eq!(config, "65532:65532 /data [/usr/local/bin/daylight] [run]");
}

#[test]
fn in_the_container_the_binary_tells_its_version_and_health_follows_the_role() {
    let image = Image::build();
    let version = image.daylight(&["--version"]).output().unwrap();
    assert!(version.status.success(), "{}", words(&version));
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), concat!("daylight ", env!("CARGO_PKG_VERSION")));
    let health = || image.daylight(&["health"]);
    await_health(Duration::ZERO, false, health);
    let before = files(&image.root);
    let role = Role::start(image.daylight(&["ingest"]));
    await_health(READY_WITHIN, true, health);
    role.stop();
    await_health(GONE_WITHIN, false, health);
    assert_eq!(files(&image.root), before, "only the volume /data was written to");
}

/// OpenSSL finds the bundle of the image by itself: a Kafka whose authority is put into it is trusted, and one whose is not is refused.
#[test]
fn in_the_container_tls_trusts_whom_the_bundle_of_the_image_names() {
    let image = Image::build();
    let (authority, password) = (Authority::new("Brightwater").unwrap(), "planted-kafka-password");
    let certificate = authority.issue().unwrap();
    let seal = Seal { certificate: &certificate, user: "daylight", password };
    let kafka = KafkaServer::start_sealed(&seal).unwrap();
    let config = format!(
        "[log]\nkafka = {:?}\n[log.kafka_properties]\n\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"PLAIN\"\n\"sasl.username\" = \"daylight\"\n[log.kafka_secrets]\n\"sasl.password\" = {{ file = \"/etc/kafka-password\" }}\n",
        kafka.bootstrap
    );
    fs::write(image.root.join("etc/daylight.toml"), config).unwrap();
    fs::write(image.root.join("etc/kafka-password"), password).unwrap();
    let arguments = ["ingest", "--config", "/etc/daylight.toml"];
    let refused = image.daylight(&arguments).output().unwrap();
    assert!(words(&refused).contains("certificate verify failed"), "{}", words(&refused));
    let bundle = image.root.join("etc/ssl/certs/ca-certificates.crt");
    fs::write(&bundle, fs::read_to_string(&bundle).unwrap() + &authority.pem().unwrap()).unwrap();
    let role = Role::start(image.daylight(&arguments));
    await_health(READY_WITHIN, true, || image.daylight(&["health"]));
    role.stop();
    await_health(GONE_WITHIN, false, || image.daylight(&["health"]));
}

#[test]
fn on_a_root_that_cannot_be_written_a_role_works_and_keeps_its_data_in_the_volume() {
    let image = Image::build();
    let data = image.folder.path().join("volume");
    fs::create_dir(&data).unwrap();
    chown(&data, Some(ACCOUNT), Some(ACCOUNT)).unwrap();
    fs::write(
        data.join("daylight.toml"),
        "data_folder = \"/data\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[ingest]\nlisten = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let refused = image.daylight_on_read_only_root(&data, &["ingest"]).output().unwrap();
    assert!(words(&refused).contains("Read-only file system"), "the root is not read-only: {}", words(&refused));
    let health = || image.daylight_on_read_only_root(&data, &["health", "--data-folder", "/data"]);
    let role = Role::start(image.daylight_on_read_only_root(&data, &["ingest", "--config", "/data/daylight.toml"]));
    await_health(READY_WITHIN, true, health);
    role.stop();
    await_health(GONE_WITHIN, false, health);
    assert!(data.join("log").is_dir(), "the log lies in the volume");
}
