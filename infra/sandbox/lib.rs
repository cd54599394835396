//! Stand-in Salesforce and Xero.
