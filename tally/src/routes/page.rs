//! Pages of long answers.

use serde::Deserialize;

use crate::{error::Error, state::AppState};

/// The part of a query that says which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// What the last page said as `next`.
    pub(super) after: Option<String>,
    /// How many rows.
    limit: Option<u32>,
}

impl Page {
    /// How many rows, within the bounds.
    pub(super) fn limit(&self, state: &AppState) -> Result<u32, Error> {
        match self.limit.unwrap_or(state.page_rows_max) {
            limit if (1..=state.page_rows_max).contains(&limit) => Ok(limit),
            _ => Err(Error::InvalidQuery("limit")),
        }
    }
}
