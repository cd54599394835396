//! What an organisation is set up with: a file for each kind, its row is in `endpoints.rs`. None is paged.

pub(crate) mod accounts;
pub(crate) mod branding_themes;
pub(crate) mod contact_groups;
pub(crate) mod currencies;
pub(crate) mod items;
pub(crate) mod organisation;
pub(crate) mod tax_rates;
pub(crate) mod tracking;
pub(crate) mod users;
