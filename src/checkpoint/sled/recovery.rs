//! How an opening went, for the log, the metrics and the status.

use std::fmt;
use std::path::PathBuf;

use super::RowsMissing;

/// What was found when the store was opened, and what was done about it.
///
/// Each of these costs at most work done again: a row that is missing or old makes its source read and deliver again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// There was nothing: a first start.
    Created,
    /// All was well.
    Opened {
        /// How often the database was opened, this time included.
        generation: u64,
        /// How many rows it holds.
        rows: u64,
    },
    /// The database opened, but its row counts are not those of the last commit. It is used as it is.
    RowsMissing(RowsMissing),
    /// It was damaged by a snapshot that a crash left unfinished; without that, all of it was there.
    Repaired {
        /// The damaged database.
        aside: PathBuf,
        /// How many rows were recovered.
        rows: u64,
    },
    /// The newest export was restored.
    Restored {
        /// The damaged database; none if it was missing altogether.
        aside: Option<PathBuf>,
        /// How many rows the export had.
        rows: u64,
        /// When it was written, in milliseconds since the Unix epoch.
        exported_unix_ms: i64,
    },
    /// Nothing could be restored: every source starts at its configured look-back.
    Emptied {
        /// What is left of the damaged database and export.
        aside: Vec<PathBuf>,
    },
}

impl Recovery {
    /// Whether a person should look at it.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        !matches!(self, Self::Created | Self::Opened { .. })
    }

    /// A short name, for metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Opened { .. } => "opened",
            Self::RowsMissing(_) => "rows_missing",
            Self::Repaired { .. } => "repaired",
            Self::Restored { .. } => "restored",
            Self::Emptied { .. } => "emptied",
        }
    }

    pub(super) fn log(&self) {
        let outcome = self.name();
        match self {
            Self::Created | Self::Opened { .. } => {
                tracing::info!(outcome, "checkpoint store: {self}");
            }
            Self::Emptied { .. } => tracing::error!(outcome, "checkpoint store: {self}"),
            _ => tracing::warn!(outcome, "checkpoint store: {self}"),
        }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("created"),
            Self::Opened { generation, rows } => {
                write!(f, "opened with {rows} rows, generation {generation}")
            }
            Self::RowsMissing(RowsMissing { expected, found }) => write!(
                f,
                "opened with {found} rows where the last commit left {expected}; what the others stood for may be \
                 delivered again. Check the disk"
            ),
            Self::Repaired { aside, rows } => write!(
                f,
                "an unfinished snapshot of a crash was left out, and all {rows} rows are there. The database as it was \
                 is in {}; delete it when you no longer want it",
                aside.display()
            ),
            Self::Restored {
                aside,
                rows,
                exported_unix_ms,
            } => {
                match aside {
                    Some(aside) => write!(
                        f,
                        "the database was damaged, and is now in {}",
                        aside.display()
                    )?,
                    None => f.write_str("there was an export but no database")?,
                }
                write!(
                    f,
                    "; restored {rows} rows from the export of Unix time {}. What was delivered since may be delivered again. \
                     Check the disk",
                    exported_unix_ms / 1000
                )
            }
            Self::Emptied { aside } => {
                f.write_str("the database was damaged or missing and there was no usable export: re-reading from the configured look-back")?;
                for path in aside {
                    write!(f, "; see {}", path.display())?;
                }
                Ok(())
            }
        }
    }
}
