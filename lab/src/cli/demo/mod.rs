//! `cloudweir-lab demo`: the collector's job end to end, with no AWS account: the lab, a mutual-TLS receiver, and the real
//! program between them, fed with real CloudTrail files and generated events of every service that a queue feeds.

mod services;

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    pin::pin,
    process::Stdio,
    time::Duration,
};

use cloudweir_lab::{
    Comparison, Lab, LabOptions, Line, Receiver, ReceiverOptions, TlsOptions, certs,
    generate::{Plan, Records},
};
use services::Service;
use tokio::{
    process::{Child, Command},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// The region that `config/demo.yaml` has too.
const REGION: &str = "us-east-2";
/// What the names of all buckets begin with.
const BUCKET: &str = "demo";

/// Without any further line for this long the demo gives up waiting.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// CloudTrail records in all, the real ones included
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
    let complete = demo.print_table();
    if !status.success() {
        return Err(format!("the collector ended with {status}; its log is above").into());
    }
    if !complete {
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
    services: Vec<Service>,
}

impl Demo {
    async fn set_up(directory: &Path, arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let lab = Lab::start(LabOptions {
            region: REGION.to_owned(),
            ..LabOptions::default()
        })
        .await?;
        lab.sqs().create_queue("dead-letters", [])?;
        let services = services::all();
        for service in &services {
            let redrive = lab.sqs().redrive("dead-letters", 5);
            lab.sqs().create_queue(service.queue, [redrive])?;
            if !["events", "securityhub"].contains(&service.queue) {
                let bucket = services::bucket(service.queue);
                lab.s3().create_bucket(&bucket)?;
                lab.s3().notify(&bucket, service.queue)?;
            }
        }
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
            services,
        })
    }

    /// Fills the buckets and queues of all services.
    fn fill(&mut self, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
        let plan = Plan {
            records: arguments.records.saturating_sub(self.records.len()),
            records_per_object: arguments.per_object,
            region: REGION.to_owned(),
            ..Plan::default()
        };
        for service in &mut self.services {
            if service.queue == "cloudtrail" {
                let from = &arguments.from;
                services::fill_trail(service, &self.lab, &self.records, from, plan.clone())?;
            } else {
                services::fill(service, &self.lab)?;
            }
        }
        println!(
            "To be collected     {} events, {} of them real CloudTrail records",
            self.sent(),
            self.records.len(),
        );
        Ok(())
    }

    fn sent(&self) -> u64 {
        self.services
            .iter()
            .map(|service| service.truth.sent())
            .sum()
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
        let mut stopped = pin!(super::stopped()?);
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
                () = &mut stopped => return Ok(()),
                _ = ticks.tick() => {}
            }
            let received = self.receiver.totals().lines;
            let (waiting, in_work) = self.queued()?;
            println!(
                "{:5.1} s   received {received} of {}   messages waiting {waiting}, in work {in_work}",
                started.elapsed().as_secs_f64(),
                self.sent(),
            );
            if watch {
                if let Some(trail) = self.services.first_mut() {
                    services::put_trail(trail, &self.lab, &mut more)?;
                }
            } else if waiting + in_work == 0 && received >= self.sent() {
                return Ok(());
            } else if progress.is_stuck(received) {
                println!("Nothing has come for {} s: giving up", PATIENCE.as_secs());
                return Ok(());
            }
        }
    }

    /// Messages in all queues: those that wait, and those in work.
    fn queued(&self) -> Result<(u64, u64), Box<dyn Error>> {
        let mut queued = (0, 0);
        for service in &self.services {
            let queue = self.lab.sqs().stats(service.queue)?;
            queued.0 += queue.visible;
            queued.1 += queue.in_flight;
        }
        Ok(queued)
    }

    /// Prints what arrived, a line a service; returns whether everything did.
    fn print_table(&self) -> bool {
        let lines = self.receiver.lines();
        println!();
        println!(
            "{:36} {:>8} {:>10} {:>10} {:>10} {:>8}",
            "service", "sent", "received", "missing", "duplicated", "altered"
        );
        let mut complete = true;
        for service in &self.services {
            let own = lines.iter().filter(|line| {
                Line::parse(line).is_some_and(|line| line.tag.starts_with(service.tag))
            });
            let Comparison {
                sent,
                received,
                missing,
                duplicated,
                foreign,
            } = service.truth.compare(own);
            complete &= missing == 0 && foreign == 0;
            println!(
                "{:36} {sent:>8} {received:>10} {missing:>10} {duplicated:>10} {foreign:>8}",
                service.name
            );
        }
        complete
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
