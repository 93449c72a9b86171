//! Rules for what stands in a head: method, media type, query parameters, header fields.

use super::unfit::Violation;
use crate::config::ContentConfig;
use crate::http::Fields;

/// The rules of one route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    rules: ContentConfig,
    allow: String,
    accept: String,
}

/// The answer is 405, with [`Checks::allow`] as `Allow` (RFC 9110 §15.5.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MethodNotAllowed;

/// The answer is 415, with [`Checks::accept`] as `Accept` (RFC 9110 §15.5.16, §12.5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct UnsupportedMediaType;

impl Checks {
    pub(crate) fn build(config: &ContentConfig) -> Checks {
        let (allow, accept) = (config.methods.join(", "), config.types.join(", "));
        Checks { rules: config.clone(), allow, accept }
    }

    pub(crate) fn method(&self, method: &str) -> Result<(), MethodNotAllowed> {
        let methods = &self.rules.methods;
        if methods.is_empty() || methods.iter().any(|one| one == method) { Ok(()) } else { Err(MethodNotAllowed) }
    }

    /// The value of `Allow`.
    pub(crate) fn allow(&self) -> &str {
        &self.allow
    }

    /// For a request that has a body.
    pub(crate) fn media_type(&self, _fields: Fields<'_>) -> Result<(), UnsupportedMediaType> {
        Ok(())
    }

    /// The value of `Accept` (and of `Accept-Post`, `Accept-Patch`) beside a 415.
    pub(crate) fn accept(&self) -> &str {
        &self.accept
    }

    /// `query`: what stands behind `?`, as it came.
    pub(crate) fn query(&self, _query: Option<&str>) -> Result<(), Vec<Violation>> {
        Ok(())
    }

    pub(crate) fn headers(&self, _fields: Fields<'_>) -> Result<(), Vec<Violation>> {
        Ok(())
    }
}
