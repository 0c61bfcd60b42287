//! `cloudweir-lab demo`: the collector's main job end to end, with no AWS account: the lab, a mutual-TLS receiver, and the real
//! program between them, fed with real CloudTrail files and generated ones.

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use cloudweir_lab::{
    Comparison, Lab, LabOptions, Receiver, ReceiverOptions, TlsOptions, Truth, certs,
    generate::{Objects, Plan, Records},
};
use tokio::{
    process::{Child, Command},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// Names that `config/demo.yaml` has too.
const QUEUE: &str = "cloudtrail";
const REGION: &str = "us-east-2";
const BUCKET: &str = "demo-trail";

/// Without any further line for this long the demo gives up waiting.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Records in all, the real ones included
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// Records of a generated object
    #[arg(long, default_value_t = 500)]
    per_object: usize,
    /// Directory of real CloudTrail files (*.json.gz)
    #[arg(long, default_value = "tests/data/cloudtrail")]
    from: PathBuf,
    /// The collector's configuration
    #[arg(long, default_value = "config/demo.yaml")]
    config: PathBuf,
    /// Stay up, with a few records more every second, until SIGINT
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let directory = Directory::create()?;
    let mut demo = Demo::set_up(&directory.0, &arguments).await?;
    demo.fill(&arguments)?;
    let mut collector = demo.start_collector(&directory.0, &arguments.config)?;
    let outcome = demo.follow(&mut collector, arguments.watch).await;
    let status = stop(&mut collector).await?;
    outcome?;
    let comparison = demo.truth.compare(demo.receiver.lines());
    print_table(&comparison);
    if !status.success() {
        return Err(format!("the collector ended with {status}; its log is above").into());
    }
    if !comparison.is_complete() {
        return Err("not everything arrived as it was sent".into());
    }
    Ok(())
}

/// A directory for certificates and checkpoints, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn create() -> io::Result<Self> {
        let path = env::temp_dir().join(format!("cloudweir-demo-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own tidying.
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Demo {
    lab: Lab,
    receiver: Receiver,
    records: Records,
    truth: Truth,
}

impl Demo {
    async fn set_up(directory: &Path, arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let lab = Lab::start(LabOptions {
            region: REGION.to_owned(),
            ..LabOptions::default()
        })
        .await?;
        lab.sqs().create_queue("dead-letters", [])?;
        let redrive = lab.sqs().redrive("dead-letters", 5);
        lab.sqs().create_queue(QUEUE, [redrive])?;
        lab.s3().create_bucket(BUCKET)?;
        lab.s3().notify(BUCKET, QUEUE)?;
        let certificates = directory.join("certs");
        certs::write_set(&certificates)?;
        let receiver = Receiver::start(ReceiverOptions {
            tls: Some(TlsOptions::from_dir(&certificates)?),
            ..ReceiverOptions::default()
        })
        .await?;
        println!("AWS (the lab)       {}", lab.endpoint());
        println!("Receiver (TLS)      {}", receiver.address());
        Ok(Self {
            lab,
            receiver,
            records: Records::from_dir(&arguments.from)?,
            truth: Truth::default(),
        })
    }

    /// Puts the real files as they are, then generated ones up to the number of records asked for.
    fn fill(&mut self, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
        let mut files = 0;
        for entry in fs::read_dir(&arguments.from)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".json.gz") {
                let key = format!("AWSLogs/218007301253/CloudTrail/us-east-1/2023/07/10/{name}");
                self.lab.s3().put(BUCKET, &key, fs::read(&path)?)?;
                files += 1;
            }
        }
        for record in self.records.iter() {
            self.truth.add(record);
        }
        let real = self.records.len();
        let plan = Plan {
            records: arguments.records.saturating_sub(real),
            records_per_object: arguments.per_object,
            region: REGION.to_owned(),
            ..Plan::default()
        };
        let mut objects = 0;
        for object in self.records.objects(plan)? {
            self.lab.s3().put(BUCKET, &object.key, object.body)?;
            for record in &object.records {
                self.truth.add(&record.json);
            }
            objects += 1;
        }
        println!(
            "In the bucket       {} records: {real} real ones in {files} files, the others in {objects} generated objects",
            self.truth.sent()
        );
        Ok(())
    }

    /// Starts the real program, which lies beside this one.
    fn start_collector(&self, directory: &Path, config: &Path) -> Result<Child, Box<dyn Error>> {
        let program = env::current_exe()?.with_file_name("cloudweir");
        let child = Command::new(&program)
            .args(["run", "--config"])
            .arg(config)
            .env("LAB_ENDPOINT", self.lab.endpoint())
            .env(
                "LAB_RECEIVER_PORT",
                self.receiver.address().port().to_string(),
            )
            .env("LAB_DIR", directory)
            .stdin(Stdio::null())
            // A group of its own: the terminal's CTRL-C is for the demo, which then stops the collector.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        Ok(child)
    }

    /// Prints a line a second until everything has arrived and left the queue, or, when watching, until SIGINT.
    async fn follow(&mut self, collector: &mut Child, watch: bool) -> Result<(), Box<dyn Error>> {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let started = Instant::now();
        let mut progress = Progress::new(started);
        let records = self.records.clone();
        let mut more = records.objects(Plan {
            records: usize::MAX,
            records_per_object: 50,
            seed: 2,
            region: REGION.to_owned(),
            ..Plan::default()
        })?;
        loop {
            tokio::select! {
                status = collector.wait() => {
                    return Err(format!("the collector ended by itself: {}", status?).into());
                }
                stopped = super::stopped() => return Ok(stopped?),
                _ = ticks.tick() => {}
            }
            let received = self.receiver.totals().lines;
            let queue = self.lab.sqs().stats(QUEUE)?;
            println!(
                "{:5.1} s   received {received} of {}   in the queue {}, in work {}",
                started.elapsed().as_secs_f64(),
                self.truth.sent(),
                queue.visible,
                queue.in_flight,
            );
            if watch {
                self.put_more(&mut more)?;
            } else if queue.is_drained() && received >= self.truth.sent() {
                return Ok(());
            } else if progress.is_stuck(received) {
                println!("Nothing has come for {} s: giving up", PATIENCE.as_secs());
                return Ok(());
            }
        }
    }

    fn put_more(&mut self, objects: &mut Objects<'_>) -> Result<(), Box<dyn Error>> {
        if let Some(object) = objects.next() {
            self.lab.s3().put(BUCKET, &object.key, object.body)?;
            for record in &object.records {
                self.truth.add(&record.json);
            }
        }
        Ok(())
    }
}

struct Progress {
    lines: u64,
    since: Instant,
}

impl Progress {
    fn new(since: Instant) -> Self {
        Self { lines: 0, since }
    }

    fn is_stuck(&mut self, lines: u64) -> bool {
        if lines > self.lines {
            self.lines = lines;
            self.since = Instant::now();
        }
        self.since.elapsed() > PATIENCE
    }
}

/// Stops the collector as an operator would, by SIGTERM.
async fn stop(collector: &mut Child) -> Result<std::process::ExitStatus, Box<dyn Error>> {
    if let Some(id) = collector.id() {
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &id.to_string()]).status().await?;
    }
    match timeout(PATIENCE, collector.wait()).await {
        Ok(status) => Ok(status?),
        Err(_) => Err("the collector did not stop".into()),
    }
}

fn print_table(comparison: &Comparison) {
    let Comparison {
        sent,
        received,
        missing,
        duplicated,
        foreign,
    } = comparison;
    println!();
    println!("service                       sent   received    missing duplicated    altered");
    println!(
        "audit-events-all/audits_s3 {sent:>7} {received:>10} {missing:>10} {duplicated:>10} {foreign:>10}"
    );
}
