//! `/Users`: who works in the organisation, read-only.
//!
//! <https://developer.xero.com/documentation/api/accounting/users>

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::xero::organisation::Organisation;
use crate::xero::parts::Part;
use crate::xero::reading::{Paging, View};
use crate::xero::request::Request;
use crate::xero::resource::Resource;
use crate::xero::shelf::{Document, Shelf};
use crate::xero::shelves::Shelves;
use crate::xero::wire;

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) is_subscriber: bool,
    /// `STANDARD`, `FINANCIALADVISER`, …
    pub(crate) role: String,
    pub(crate) updated: Timestamp,
}

impl Document for User {
    fn id(&self) -> Uuid {
        self.id
    }

    fn updated(&self) -> Timestamp {
        self.updated
    }
}

pub(crate) struct Users;

impl Resource for Users {
    type Document = User;
    const KEY: &'static str = "Users";
    const ID: &'static str = "UserID";
    const PAGING: Paging = Paging::Never;
    const PARTS: &'static [Part] = &[];
    const FIELDS: &'static [&'static str] = &[
        "userid",
        "emailaddress",
        "firstname",
        "lastname",
        "updateddateutc",
        "issubscriber",
        "organisationrole",
    ];

    fn shelf(shelves: &Shelves) -> &Shelf<User> {
        &shelves.users
    }

    fn show(_: &Organisation, _: &Request, user: &User, _: View) -> Map<String, Value> {
        wire::fields(json!({
            "UserID": user.id.to_string(), "EmailAddress": user.email, "FirstName": user.first_name,
            "LastName": user.last_name, "UpdatedDateUTC": wire::stamp(user.updated),
            "IsSubscriber": user.is_subscriber, "OrganisationRole": user.role,
        }))
    }
}
