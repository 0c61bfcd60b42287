//! What the tests play on: the lab with a bucket and a queue, a receiver over mutual TLS, and a collector between them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use cloudweir::{Collector, config};
use cloudweir_lab::generate::{Plan, Records, pack};
use cloudweir_lab::{
    Comparison, Lab, LabOptions, Receiver, ReceiverOptions, TlsOptions, Truth, certs,
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(super) const QUEUE: &str = "cloudtrail";
pub(super) const DEAD_LETTERS: &str = "dead-letters";
pub(super) const BUCKET: &str = "trail";
pub(super) const REGION: &str = "us-east-2";
pub(super) const ACCOUNT: &str = "123456789012";

/// Longer than anything here can take: a test that runs into it has failed.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// How a stage is set up, and what its configuration says beyond the usual.
pub(super) struct Setting {
    /// The queue's visibility timeout in seconds.
    pub(super) visibility_s: u32,
    /// After how many receives the queue gives a message up; `None` for no redrive policy.
    pub(super) redrive_after: Option<u32>,
    /// Keys of the service, one a line.
    pub(super) service: String,
    /// Other services in the place of `audit-events-all`, in YAML; `None` for that one.
    pub(super) services: Option<String>,
    /// Keys of `globals`, one a line.
    pub(super) globals: String,
    /// Whole outputs besides the receiver, in YAML, indented by two.
    pub(super) outputs: String,
    /// `credentials` of the input.
    pub(super) credentials: String,
    /// `delivery` of the receiver.
    pub(super) delivery: String,
    pub(super) receiver: ReceiverOptions,
    pub(super) lab: LabOptions,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            visibility_s: 30,
            redrive_after: Some(100),
            service: "auto_event_type: true".to_owned(),
            services: None,
            globals: String::new(),
            outputs: String::new(),
            credentials:
                "{ access_key: AKIAIOSFODNN7EXAMPLE, access_secret: wJalrXUtnFEMIK7MDENG }"
                    .to_owned(),
            delivery: "{ confirm: tcp, settle: 200ms }".to_owned(),
            receiver: ReceiverOptions::default(),
            lab: LabOptions::default(),
        }
    }
}

pub(super) struct Stage {
    pub(super) lab: Lab,
    pub(super) receiver: Receiver,
    pub(super) dir: TempDir,
    pub(super) truth: Truth,
    setting: Setting,
}

impl Stage {
    pub(super) async fn set(setting: Setting) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let certificates = dir.path().join("certs");
        certs::write_set(&certificates).unwrap();
        let receiver = Receiver::start(ReceiverOptions {
            tls: setting
                .receiver
                .tls
                .clone()
                .or_else(|| Some(TlsOptions::from_dir(&certificates).unwrap())),
            ..setting.receiver.clone()
        })
        .await
        .unwrap();
        let lab = Lab::start(LabOptions {
            region: REGION.to_owned(),
            ..setting.lab.clone()
        })
        .await
        .unwrap();
        let sqs = lab.sqs();
        sqs.create_queue(DEAD_LETTERS, []).unwrap();
        let mut attributes = vec![("VisibilityTimeout", setting.visibility_s.to_string())];
        if let Some(receives) = setting.redrive_after {
            attributes.push(sqs.redrive(DEAD_LETTERS, receives));
        }
        sqs.create_queue(QUEUE, attributes).unwrap();
        lab.s3().create_bucket(BUCKET).unwrap();
        lab.s3().notify(BUCKET, QUEUE).unwrap();
        Self {
            lab,
            receiver,
            dir,
            truth: Truth::default(),
            setting,
        }
    }

    pub(super) async fn usual() -> Self {
        Self::set(Setting::default()).await
    }

    /// The configuration as an operator would write it.
    pub(super) fn yaml(&self) -> String {
        let services = self.setting.services.clone().unwrap_or_else(|| {
            let service = indent(&self.setting.service, 2);
            format!("audit-events-all:\n  types: [audits_s3]\n  regions: [{REGION}]\n  audit_sqs_queue_name: {QUEUE}\n{service}")
        });
        let Setting {
            globals,
            outputs,
            credentials,
            delivery,
            ..
        } = &self.setting;
        format!(
            "globals:
  persistence: {{ type: sled, config: {{ directory_name: state }} }}
{globals}
outputs:
  devo:
    type: devo_platform
    config:
      address: localhost
      port: {port}
      chain: chain.crt
      cert: client.crt
      key: client.key
      delivery: {delivery}
      connecting_max_wait_in_seconds: 1
{outputs}
inputs:
  aws:
    id: abc123
    endpoint_url: {endpoint}
    credentials: {credentials}
    services:
{services}",
            port = self.receiver.address().port(),
            endpoint = self.lab.endpoint(),
            globals = indent(globals, 2),
            services = indent(&services, 6),
        )
    }

    /// Starts the collector inside this process.
    pub(super) async fn collector(&self) -> Collector {
        let yaml = self.yaml();
        let loaded = config::parse("test.yaml", &yaml, self.dir.path(), &|_| None)
            .unwrap_or_else(|report| panic!("{report}"));
        Collector::builder(loaded.config)
            .hostname("testhost")
            .start()
            .await
            .unwrap()
    }

    /// Starts the real program.
    pub(super) fn program(&self) -> Program {
        Program::start(self.dir.path(), &self.yaml(), &[])
    }

    /// Starts the real program with these variables in its environment.
    pub(super) fn program_with(&self, environment: &[(&str, &str)]) -> Program {
        Program::start_with(self.dir.path(), &self.yaml(), &[], environment)
    }

    /// Puts an object of these records, to be found by its notification.
    pub(super) fn put(&mut self, key: &str, records: &[&str]) {
        let records: Vec<Bytes> = records
            .iter()
            .map(|record| Bytes::copy_from_slice(record.as_bytes()))
            .collect();
        self.expect(&records);
        self.lab.s3().put(BUCKET, key, pack(&records)).unwrap();
    }

    /// The records are to arrive.
    pub(super) fn expect(&mut self, records: &[Bytes]) {
        for record in records {
            self.truth.add(record);
        }
    }

    /// Puts objects generated out of the real records.
    pub(super) fn put_generated(&mut self, records: usize, per_object: usize, seed: u64) {
        let plan = Plan {
            records,
            records_per_object: per_object,
            seed,
            ..Plan::default()
        };
        for object in real_records().objects(plan).unwrap() {
            for record in &object.records {
                self.truth.add(&record.json);
            }
            self.lab.s3().put(BUCKET, &object.key, object.body).unwrap();
        }
    }

    /// Waits until the queue is empty: everything is delivered, checkpointed and deleted.
    pub(super) async fn drained(&self) {
        self.drained_of(QUEUE).await;
    }

    pub(super) async fn drained_of(&self, queue: &str) {
        let drained = self.lab.sqs().until(queue, |queue| queue.is_drained());
        within(drained).await.unwrap();
    }

    /// Waits until as many lines have come as records were put.
    pub(super) async fn all_lines(&self) {
        within(self.receiver.await_lines(self.truth.sent())).await;
    }

    pub(super) fn comparison(&self) -> Comparison {
        self.truth.compare(self.receiver.lines())
    }

    /// Waits for the queue to drain, and demands that everything arrived exactly once.
    pub(super) async fn assert_exact(&self) {
        self.drained().await;
        let comparison = self.comparison();
        assert!(comparison.is_exact(), "{comparison:?}");
    }

    /// The lines that came, as text.
    pub(super) fn lines(&self) -> Vec<String> {
        let lines = self.receiver.lines();
        lines
            .iter()
            .map(|line| String::from_utf8(line.to_vec()).unwrap())
            .collect()
    }
}

/// Waits, but not for ever.
pub(super) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("it took longer than anything here may take")
}

pub(super) fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

pub(super) fn real_records() -> Records {
    Records::from_dir(&data().join("cloudtrail")).unwrap()
}

fn indent(lines: &str, by: usize) -> String {
    lines
        .lines()
        .map(|line| format!("{:by$}{line}\n", ""))
        .collect()
}

/// The real program, killed when dropped.
pub(super) struct Program {
    child: Child,
    log: std::path::PathBuf,
}

impl Program {
    pub(super) fn start(dir: &Path, yaml: &str, arguments: &[&str]) -> Self {
        Self::start_with(dir, yaml, arguments, &[])
    }

    fn start_with(
        dir: &Path,
        yaml: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let config = dir.join("collector.yaml");
        std::fs::write(&config, yaml).unwrap();
        let log = dir.join(format!("log-{}", fastrand::u64(..)));
        let child = Command::new(env!("CARGO_BIN_EXE_cloudweir"))
            .args(["run", "--config"])
            .arg(&config)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// What it has logged so far.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until `text` is in the log.
    pub(super) async fn logged(&self, text: &str) {
        let logged = external_wait(|| self.log().contains(text));
        if tokio::time::timeout(LIMIT, logged).await.is_err() {
            panic!("never logged: {text}\n{}", self.log());
        }
    }

    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(super) fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    pub(super) async fn exit_code(&mut self) -> Option<i32> {
        within(self.child.wait()).await.unwrap().code()
    }

    /// The most memory it has had so far, in KiB.
    pub(super) fn peak_kib(&self) -> u64 {
        let id = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        value.unwrap().parse().unwrap()
    }
}

/// Looks again and again, for conditions that nothing announces.
pub(super) async fn external_wait(mut condition: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    while !condition() {
        ticks.tick().await;
    }
}
