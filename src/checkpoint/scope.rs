//! Scopes: which part of the configuration a row belongs to, and how its names are written into a key.

use std::fmt;
use std::sync::Arc;

use super::key::KeyError;

/// The longest name in a scope, in bytes.
pub const MAX_PART_BYTES: usize = 255;

/// Whose row it is: the place in the configuration that owns it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    input: Arc<str>,
    service: Arc<str>,
    module: Arc<str>,
    region: Arc<str>,
}

impl Scope {
    /// A scope of its four names.
    ///
    /// # Errors
    /// [`KeyError::PartTooLong`] for a name over [`MAX_PART_BYTES`].
    pub fn new(input: &str, service: &str, module: &str, region: &str) -> Result<Self, KeyError> {
        let scope = Self {
            input: input.into(),
            service: service.into(),
            module: module.into(),
            region: region.into(),
        };
        scope.parts().into_iter().try_for_each(check_part)?;
        Ok(scope)
    }

    /// The input's name.
    #[must_use]
    pub fn input(&self) -> &str {
        &self.input
    }

    /// The service's name.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The module's name.
    #[must_use]
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The AWS region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn parts(&self) -> [&str; 4] {
        [&self.input, &self.service, &self.module, &self.region]
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().join("/"))
    }
}

pub(super) fn check_part(part: &str) -> Result<(), KeyError> {
    if part.len() > MAX_PART_BYTES {
        return Err(KeyError::PartTooLong {
            part: part.to_owned(),
        });
    }
    Ok(())
}

pub(super) fn push_part(bytes: &mut Vec<u8>, part: &str) {
    // Lossless: every part was checked against MAX_PART_BYTES, far below u16::MAX.
    bytes.extend_from_slice(&(part.len() as u16).to_be_bytes());
    bytes.extend_from_slice(part.as_bytes());
}

pub(super) fn split_part(bytes: &[u8]) -> Result<(&str, &[u8]), KeyError> {
    const CUT: KeyError = KeyError::Malformed("it ends within its scope");
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or(CUT)?;
    let (part, rest) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or(CUT)?;
    let part = str::from_utf8(part).map_err(|_| KeyError::Malformed("its scope is not UTF-8"))?;
    Ok((part, rest))
}
