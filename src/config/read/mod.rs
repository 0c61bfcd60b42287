//! The sections of the file, each read into its part of the model.

mod address;
mod audits;
mod credentials;
mod events;
mod feed;
mod globals;
mod inputs;
mod listing;
mod logs;
mod network;
mod outputs;
mod queue;
mod services;
mod types;
mod umbrella;

use super::decode::Field;
use super::model::Config;

/// Reads a whole file. `None` where an error has been recorded.
pub(super) fn config(root: &Field<'_>) -> Option<Config> {
    let mut map = root.mapping()?;
    let (globals, sender) = globals::read(map.section("globals"));
    let outputs = map.require(
        "outputs",
        "say where the events go, such as `outputs: {screen: {type: console}}`",
        |field| outputs::read(field, sender),
    );
    let inputs = map.require(
        "inputs",
        "say what is collected; config/collector.example.yaml has every key",
        inputs::read,
    );
    map.finish();
    Some(Config {
        globals: globals?,
        outputs: outputs?,
        inputs: inputs?,
    })
}
