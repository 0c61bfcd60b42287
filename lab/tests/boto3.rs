//! The emulator, judged by boto3, the real client, so that it cannot be wrong in the collector's favour.
//!
//! What is checked is in `tests/lab/test_boto3.py`, which starts the program itself.

#[path = "../../tests/external/mod.rs"]
mod external;

use std::time::Duration;

/// Longer than the Python tests take on a loaded machine.
const TIME_LIMIT: Duration = Duration::from_secs(300);

#[tokio::test]
async fn boto3_finds_the_emulator_in_order() {
    let mut tests = external::python::command();
    tests
        .args(["-m", "unittest", "--verbose", "tests/lab/test_boto3.py"])
        .current_dir(external::workspace_root())
        .env("CLOUDWEIR_LAB_BIN", env!("CARGO_BIN_EXE_cloudweir-lab"));

    let ended = tokio::time::timeout(TIME_LIMIT, tests.output())
        .await
        .expect("the Python tests hang")
        .expect("python");

    let report = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.success(),
        "{report}\n{}",
        String::from_utf8_lossy(&ended.stdout)
    );
    assert!(
        !report.contains("Ran 0 tests"),
        "no Python test was found:\n{report}"
    );
}
