//! Campaigns have statuses of their own, and each member once.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_campaignmember.htm

use serde_json::json;

use super::super::answer::Refused;
use super::super::org::Org;
use super::super::store::{Fields, Record};
use super::super::values::stamp;
use super::text;

/// The two that every campaign has from the start.
pub(super) fn statuses(org: &mut Org, campaign: &Record) {
    for (label, order, responded) in [("Sent", 1, false), ("Responded", 2, true)] {
        let fields = json!({ "CampaignId": campaign.id, "Label": label, "SortOrder": order,
            "IsDefault": !responded, "HasResponded": responded });
        org.place_by("CampaignMemberStatus", fields, campaign.text("CreatedById"));
    }
}

pub(super) fn member(org: &Org, fields: &mut Fields, before: Option<&Record>) -> Result<(), Refused> {
    let (contact, lead) = (text(fields, "ContactId").to_owned(), text(fields, "LeadId").to_owned());
    if contact.is_empty() == lead.is_empty() {
        let message = "Campaign Member: Only one of LeadId and ContactId must be specified";
        return Err(Refused::record("FIELD_INTEGRITY_EXCEPTION", message, &[]));
    }
    let (field, id) = if contact.is_empty() { ("LeadId", lead) } else { ("ContactId", contact) };
    let campaign = text(fields, "CampaignId").to_owned();
    let mut others = org.store.table("CampaignMember").with(field, &id);
    let there = others.any(|other| other.text("CampaignId") == campaign && !other.is("IsDeleted"));
    if before.is_none() && there {
        return Err(Refused::record("DUPLICATE_VALUE", "Already a campaign member.", &[]));
    }
    let statuses = || {
        let all = org.store.table("CampaignMemberStatus").with("CampaignId", &campaign);
        all.filter(|status| !status.is("IsDeleted"))
    };
    if text(fields, "Status").is_empty()
        && let Some(usual) = statuses().find(|status| status.is("IsDefault"))
    {
        fields.insert("Status".into(), usual.get("Label").clone());
    }
    let wanted = text(fields, "Status").to_owned();
    let known = statuses().find(|status| status.text("Label").eq_ignore_ascii_case(&wanted));
    let Some(known) = known else {
        if org.store.table("Campaign").get(&campaign).is_none() {
            return Ok(());
        }
        let message = format!("Status: bad value for restricted picklist field: {wanted}");
        return Err(Refused::record("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &["Status"]));
    };
    let responded = known.is("HasResponded");
    fields.insert("HasResponded".into(), responded.into());
    if responded && text(fields, "FirstRespondedDate").is_empty() {
        fields.insert("FirstRespondedDate".into(), stamp(org.now)[..10].into());
    }
    Ok(())
}
