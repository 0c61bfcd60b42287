//! `types`: which kinds of files a service reads, each by a queue of its own.

use super::super::decode::Mapping;

/// One of the words that `types` may have.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct FileType<T> {
    pub(super) name: &'static str,
    /// The key of its queue.
    pub(super) queue_key: &'static str,
    pub(super) files: T,
}

/// The types that are asked for, of the `known` ones. Where they cannot be read, those whose queue is named stand in.
pub(super) fn read<T: Copy + PartialEq>(
    map: &mut Mapping<'_>,
    known: &[FileType<T>],
) -> Vec<FileType<T>> {
    let choices: Vec<_> = known.iter().map(|known| (known.name, *known)).collect();
    let names: Vec<_> = known.iter().map(|known| known.name).collect();
    let help = format!("write `types: [{}]`", names.join(", "));
    let types = map.require("types", &help, |field| {
        field.set("types", |item| item.choice(&choices))
    });
    let Some(types) = types else {
        let given = known.iter().filter(|known| map.has(known.queue_key));
        return given.copied().collect();
    };
    for FileType {
        name, queue_key, ..
    } in known.iter().filter(|known| !types.contains(known))
    {
        if let Some(field) = map.get(queue_key) {
            field.warn(
                format!("`{queue_key}` has no effect here: `types` does not have `{name}`"),
                "",
            );
        }
    }
    types
}
