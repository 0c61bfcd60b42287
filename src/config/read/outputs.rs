//! `outputs`.

use super::super::decode::{Field, Mapping};
use super::super::model::{
    ConsoleOutput, ConsoleStream, FileOutput, LineFormat, Output, OutputKind, SyslogOutput,
};
use super::super::vendor;
use super::globals::SenderDefaults;
use super::network::{Profile, receiver};

/// The delivery core names outputs by the bits of one machine word.
const MAX_OUTPUTS: usize = 64;

pub(super) fn read(field: &Field<'_>, sender: SenderDefaults) -> Option<Vec<Output>> {
    let map = field.mapping()?;
    let outputs: Vec<Option<Output>> = map.children().map(|child| output(&child, sender)).collect();
    match outputs.len() {
        0 => field.fail_whole(
            "no outputs",
            "say where the events go, such as `screen: {type: console}`",
        ),
        count if count > MAX_OUTPUTS => {
            field.fail_whole(format!("{count} outputs"), format!("at most {MAX_OUTPUTS}"))
        }
        _ => outputs.into_iter().collect(),
    }
}

fn output(field: &Field<'_>, sender: SenderDefaults) -> Option<Output> {
    type ReadKind = fn(&mut Mapping<'_>, SenderDefaults) -> Option<OutputKind>;
    let kinds: [(&str, ReadKind); 4] = [
        ("devo_platform", devo),
        ("syslog", syslog),
        ("console", console),
        ("file", file),
    ];
    let mut map = field.mapping()?;
    let kind = map.require(
        "type",
        "write one of: devo_platform, syslog, console, file",
        |field| field.choice(&kinds),
    );
    let Some(kind) = kind else {
        // Which keys `config` has depends on the type.
        map.get("config");
        map.finish();
        return None;
    };
    let mut config = map.section("config");
    let kind = kind(&mut config, sender);
    config.finish();
    map.finish();
    Some(Output {
        name: field.name().to_owned(),
        kind: kind?,
    })
}

fn devo(map: &mut Mapping<'_>, sender: SenderDefaults) -> Option<OutputKind> {
    let profile = Profile {
        default_port: Some(443),
        devo: true,
    };
    map.read("compression", |field| field.choice(&[("never", ())]));
    map.read(
        "threshold_for_using_gzip_in_transport_layer",
        gzip_threshold,
    );
    receiver(map, &profile, sender).map(OutputKind::Devo)
}

/// The vendor's threshold: above 1 never, below 0 always, between them by how full the queue is.
fn gzip_threshold(field: &Field<'_>) -> Option<()> {
    match field.text()?.parse::<f64>() {
        Ok(threshold) if threshold > 1.0 => Some(()),
        Ok(_) => {
            let name = field.name();
            field.warn(
                format!("`{name}` has no effect here: {}", vendor::UNCOMPRESSED),
                "",
            );
            Some(())
        }
        Err(_) => field.fail(
            format!("{} is not a number", field.quoted()),
            "write `1.1` for no compression",
        ),
    }
}

fn syslog(map: &mut Mapping<'_>, sender: SenderDefaults) -> Option<OutputKind> {
    let profile = Profile {
        default_port: None,
        devo: false,
    };
    map.read("compression", |field| match field.text()?.as_str() {
        "never" => Some(()),
        _ => field.fail(
            "a syslog receiver does not decompress: only Devo does",
            "write `never`, or leave the key out",
        ),
    });
    let multiline = map.read_or("multiline", false, Field::boolean);
    let receiver = receiver(map, &profile, sender)?;
    Some(OutputKind::Syslog(SyslogOutput {
        receiver,
        multiline,
    }))
}

fn console(map: &mut Mapping<'_>, _: SenderDefaults) -> Option<OutputKind> {
    let streams = [
        ("stdout", ConsoleStream::Stdout),
        ("stderr", ConsoleStream::Stderr),
    ];
    Some(OutputKind::Console(ConsoleOutput {
        destination: map.read_or("destination", ConsoleStream::Stdout, |field| {
            field.choice(&streams)
        }),
        format: format(map),
    }))
}

fn file(map: &mut Mapping<'_>, _: SenderDefaults) -> Option<OutputKind> {
    let path = map.require(
        "path",
        "give the file that lines are appended to",
        |field| {
            let path = field.file_path()?;
            if path.is_dir() {
                return field.fail(format!("{} is a directory", field.quoted()), "give a file");
            }
            match path.parent().is_some_and(std::path::Path::is_dir) {
                true => Some(path),
                false => field.fail(
                    format!("the directory of {} does not exist", field.quoted()),
                    "make it, or give another path",
                ),
            }
        },
    );
    let format = format(map);
    Some(OutputKind::File(FileOutput {
        path: path?,
        format,
    }))
}

fn format(map: &mut Mapping<'_>) -> LineFormat {
    map.read_or("format", LineFormat::Line, |field| {
        field.choice(&[("line", LineFormat::Line), ("message", LineFormat::Message)])
    })
}
