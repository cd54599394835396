//! What a stand-in org is made with. Read from the settings when it starts, and changed by its control routes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an org is made with; most of it can be changed while it runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    pub organization_name: String,
    /// A developer org has 15,000.
    pub daily_api_requests: u64,
    /// Each app's own share of them, where there is one.
    pub daily_requests_of_an_app: Option<u64>,
    /// Other lines of the limits page, by name, where they are not the usual ones.
    pub allowances: BTreeMap<String, u64>,
    /// Requests that run for 20 seconds or longer, at once. A developer org has 5, others 25.
    pub concurrent_long_requests: usize,
    /// `duplicateResult` instead of the misspelled member of real answers.
    pub duplicate_key_spelled_right: bool,
    /// Rows of a page, at most 2000.
    pub page_size: usize,
    /// Rows of a page where long texts are asked for, as seen in recorded traffic.
    pub long_text_page_size: usize,
    /// Rows of a nested page.
    pub child_page_size: usize,
    /// A bulk job that was closed is worked off so many seconds later.
    pub bulk_seconds: i64,
    /// A query that nobody continues is forgotten.
    pub locator_seconds: i64,
    /// So many queries are remembered for their further pages; the oldest gives way.
    pub open_cursors: usize,
    /// `updated` and `deleted` give at most so many ids.
    pub replication_ids: usize,
    /// Records are found by a search only so long after they were written. The real index takes seconds to
    /// minutes.
    pub search_lag_seconds: i64,
    /// Access tokens live so long.
    pub session_seconds: i64,
    /// Adds `CurrencyIsoCode` to the objects; an org that has it never loses it.
    pub multi_currency: bool,
    pub currency: String,
    /// Hosts that all orgs log in at, as requests name them (`localhost:8091`, for one of your own): they lead to
    /// the instance's URL, and give no client credentials.
    pub login_hosts: Vec<String>,
    /// Default: the URL that the token request came to, and `https://sandbox.my.salesforce.com` for one to a login host.
    pub instance_url: Option<String>,
    /// Writes `1.5E7` instead of `15000000.0`, as JSON writers of floats do.
    pub scientific_numbers: bool,
    /// The newest API version that answers.
    pub newest_version: u32,
    /// Of every user who hasn't another one, for the login call of SOAP and the password flow.
    pub password: String,
    pub security_token: String,
    /// Orgs have the username-password flow switched off unless somebody switched it on.
    pub password_flow: bool,
    /// Of one user; more are refused.
    pub logins_per_hour: u64,
    /// `false`: the org is locked, and gives no tokens.
    pub active: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            organization_name: "Sandbox Trading Ltd".into(),
            daily_api_requests: 15_000,
            daily_requests_of_an_app: None,
            allowances: BTreeMap::new(),
            concurrent_long_requests: 5,
            duplicate_key_spelled_right: false,
            page_size: 2000,
            long_text_page_size: 1000,
            child_page_size: 200,
            bulk_seconds: 1,
            locator_seconds: 2 * 24 * 3600,
            open_cursors: 200,
            replication_ids: 600_000,
            search_lag_seconds: 0,
            session_seconds: 2 * 3600,
            multi_currency: false,
            currency: "GBP".into(),
            login_hosts: ["login.salesforce.com", "test.salesforce.com"].map(str::to_owned).to_vec(),
            instance_url: None,
            scientific_numbers: false,
            newest_version: 68,
            password: "sandbox-password".into(),
            security_token: "sandbox-security-token".into(),
            password_flow: false,
            logins_per_hour: 3600,
            active: true,
        }
    }
}
