//! `cloudweir-lab generate`: CloudTrail objects as files under their keys, and `truth.jsonl` with a line
//! `{"eventID": …, "key": …, "record": …}` for every record: a record as a JSON string, since some real ones hold line feeds.

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::PathBuf,
};

use cloudweir_lab::generate::{Plan, Records};
use serde_json::json;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Records to generate
    #[arg(long)]
    records: usize,
    /// Directory to write to; created if missing
    #[arg(long)]
    out: PathBuf,
    /// Directory of real CloudTrail files (*.json.gz)
    #[arg(long, default_value = "tests/data/cloudtrail")]
    from: PathBuf,
    /// Records of an object
    #[arg(long, default_value_t = 200)]
    per_object: usize,
    /// Seed of event ids and keys
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The account in the keys
    #[arg(long, default_value = "123456789012")]
    account: String,
    /// The region in the keys
    #[arg(long, default_value = "us-east-1")]
    region: String,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let records = Records::from_dir(&arguments.from)?;
    let plan = Plan {
        records: arguments.records,
        records_per_object: arguments.per_object,
        seed: arguments.seed,
        account: arguments.account,
        region: arguments.region,
    };
    fs::create_dir_all(&arguments.out)?;
    let mut truth = BufWriter::new(File::create(arguments.out.join("truth.jsonl"))?);
    let mut objects = 0;
    for object in records.objects(plan)? {
        let path = arguments.out.join(&object.key);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, &object.body)?;
        for record in &object.records {
            let line = json!({
                "eventID": record.event_id,
                "key": object.key,
                "record": String::from_utf8_lossy(&record.json),
            });
            writeln!(truth, "{line}")?;
        }
        objects += 1;
    }
    truth.flush()?;
    println!("{} records in {objects} objects", arguments.records);
    Ok(())
}
