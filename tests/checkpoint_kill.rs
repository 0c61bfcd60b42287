//! `kill -9` at any moment: every commit that was acknowledged is there afterwards.
//!
//! The test runs itself as the process that is killed: with [`DIRECTORY`] set it commits, and prints what was acknowledged.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use cloudweir::checkpoint::envelope::decode;
use cloudweir::checkpoint::record::{ObjectId, ObjectProgress};
use cloudweir::checkpoint::{
    Batch, CheckpointStore, Key, Kind, Prefix, Recovery, Scope, SledOptions, SledStore,
};

const DIRECTORY: &str = "CLOUDWEIR_CHECKPOINT_KILL_DIRECTORY";
const ROUNDS: u32 = 15;

fn key(number: u32) -> Key {
    let scope = Scope::new("input", "service", "module", "region").unwrap();
    Key::new(Kind::Object, &scope, &number.to_be_bytes()).unwrap()
}

fn record(number: u32) -> ObjectProgress {
    let object = ObjectId {
        bucket: "bucket".to_owned(),
        key: number.to_string(),
        etag: String::new(),
    };
    ObjectProgress {
        object,
        outputs: Vec::new(),
        updated_unix_ms: 0,
    }
}

async fn open(directory: &Path) -> (SledStore, Recovery) {
    SledStore::open(directory, SledOptions::default())
        .await
        .unwrap()
}

async fn highest(store: &SledStore) -> Option<u32> {
    let mut last: Option<Key> = None;
    loop {
        let page = store.scan_prefix(Prefix::all(), last.clone(), 1000);
        match page.await.unwrap().pop() {
            Some((key, _)) => last = Some(key),
            None => return last.map(|key| u32::from_be_bytes(key.tail().try_into().unwrap())),
        }
    }
}

/// Four tasks commit the numbers from the first free one on, and print each when it is acknowledged; until killed.
async fn commit_for_ever(directory: &Path) {
    let (store, _) = open(directory).await;
    let start = highest(&store).await.map_or(0, |number| number + 1);
    let tasks = (0..4).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in (start + task..).step_by(4) {
                let mut batch = Batch::new();
                batch.put(key(number), &record(number)).unwrap();
                store.commit(batch).await.unwrap();
                println!("acknowledged {number}");
            }
        })
    });
    futures::future::join_all(tasks.collect::<Vec<_>>()).await;
}

/// Runs the committing process until it has acknowledged `count` commits, kills it, and returns all it acknowledged.
fn commit_and_kill(directory: &Path, count: usize) -> Vec<u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "acknowledged_commits_survive_a_kill",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    for line in lines.map_while(Result::ok) {
        if let Some((_, number)) = line.split_once("acknowledged ") {
            acknowledged.push(number.parse().unwrap());
        }
        if acknowledged.len() == count {
            // What it still prints until it is dead is read too: the loop ends with its output.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_commits_survive_a_kill() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        commit_for_ever(Path::new(&directory)).await;
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let count = fastrand::usize(1..200);
        let new = commit_and_kill(directory.path(), count);
        assert!(new.len() >= count, "round {round}: it ended by itself");
        acknowledged.extend(new);
        let (store, recovery) = open(directory.path()).await;
        assert!(
            matches!(
                recovery,
                Recovery::Opened { .. } | Recovery::Repaired { .. }
            ),
            "round {round}: {recovery:?}"
        );
        for number in &acknowledged {
            let value = store.load(key(*number)).await.unwrap();
            assert_eq!(
                value.map(|value| decode(&value)),
                Some(Ok(record(*number))),
                "round {round}: commit {number} was acknowledged and is gone"
            );
        }
        store.close().await;
    }
}
