//! Who answers at the other end of a connection.

use super::auth::TENANT;
use super::classify::NOT_AUTHORISED;
use super::limits::{DAY, usage};
use super::wire::{ACCOUNTING, envelope, text};
use crate::domain::Value;
use crate::domain::connection::{Connection, GrantKind};
use crate::domain::outcome::{Failure, Fault};
use crate::ports::connector::{Account, Call, Identity};

/// The organisation isn't in Xero's list.
const NO_ORGANISATION: &str = "no_organisation";

/// The most calls a day of the tier below.
const STARTER_DAY: u32 = 1_000;

pub(super) async fn identify(account: &dyn Account) -> Result<Identity, Fault> {
    let Identity { account: tenant, remote_id, .. } = tenant(account).await?;
    // The connection may not know its tenant yet.
    // https://developer.xero.com/documentation/api/accounting/organisation
    let call = Call::get(format!("{ACCOUNTING}/Organisation")).with_header(TENANT, tenant.clone());
    let response = account.read(call).await?;
    let organisation =
        envelope(&response, "Organisations").and_then(|envelope| envelope.elements.into_iter().next());
    let organisation = organisation.ok_or_else(|| unreadable("Organisation"))?;
    let left = usage(&response).day_remaining;
    Ok(Identity {
        account: tenant,
        title: text(&organisation, "Name").unwrap_or_default().to_owned(),
        own_user: own_user(account.connection()),
        daily_limit: left.filter(|left| *left > STARTER_DAY).map(|_| DAY),
        remote_id,
    })
}

async fn tenant(account: &dyn Account) -> Result<Identity, Fault> {
    let known = &account.connection().account;
    let mut tenants = organisations(account, None).await?;
    tenants.retain(|one| known.is_empty() || *known == one.account);
    match tenants.as_slice() {
        [tenant] => Ok(tenant.clone()),
        [] => Err(Fault::terminal(
            NO_ORGANISATION,
            "the app isn't connected to this organisation: authorise the custom connection in Xero again",
        )),
        _ => Err(Fault::terminal(
            "several_organisations",
            format!("the app is connected to {} organisations: say which", tenants.len()),
        )),
    }
}

/// The organisations that the token opens; `event`: only those that this consent was about.
/// <https://developer.xero.com/documentation/guides/oauth2/tenants>
pub(super) async fn organisations(
    account: &dyn Account,
    event: Option<&str>,
) -> Result<Vec<Identity>, Fault> {
    let call = Call::get("/connections");
    let call = match event {
        Some(event) => call.with_query("authEventId", event),
        None => call,
    };
    let response = account.read(call).await?;
    let list: Value = serde_json::from_slice(&response.body).map_err(|_| unreadable("connections"))?;
    let organisations = list.as_array().ok_or_else(|| unreadable("connections"))?;
    let is_organisation = |one: &&Value| text(one, "tenantType").is_none_or(|kind| kind == "ORGANISATION");
    let identity = |one: &Value| {
        Some(Identity {
            account: text(one, "tenantId")?.to_owned(),
            title: text(one, "tenantName").unwrap_or_default().to_owned(),
            own_user: own_user(account.connection()),
            daily_limit: None,
            remote_id: text(one, "id").map(str::to_owned),
        })
    };
    Ok(organisations.iter().filter(is_organisation).filter_map(identity).collect())
}

/// Xero says the same of an organisation that was disconnected and of much else that is refused; its list tells them apart.
pub(super) fn may_be_disconnected(because: &Failure) -> bool {
    [NOT_AUTHORISED, NO_ORGANISATION].contains(&because.code.as_str())
}

/// Without a person's consent there is no user: documents are known as the app's.
fn own_user(connection: &Connection) -> String {
    match connection.grant {
        GrantKind::AuthorizationCode => connection.own_user.clone(),
        GrantKind::ClientCredentials | GrantKind::JwtBearer => connection.client_id.clone(),
    }
}

fn unreadable(what: &str) -> Fault {
    Fault::Terminal(Failure::new("unreadable_answer", format!("Xero's answer to {what} could not be read")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::connectors::xero::Xero;
    use crate::connectors::xero::testing::{TestTable, organisation_account};
    use crate::ports::connector::{Connector as _, Opened};

    #[tokio::test]
    async fn a_new_connection_learns_its_tenant_and_asks_the_organisation_with_it() {
        let mut account = organisation_account(&Arc::new(TestTable::default()));
        account.connection.account = String::new();
        let identity = Xero::new().identify(&account).await.unwrap();
        assert_eq!(
            (identity.account.as_str(), identity.title.as_str(), identity.daily_limit),
            ("tenant-1", "Demo", Some(5_000))
        );
        let asked = account.reads_of("/Organisation");
        assert_eq!(asked[0].headers, [(TENANT.to_owned(), "tenant-1".to_owned())]);
        account.connection.account = "another".into();
        assert_eq!(identify(&account).await.unwrap_err().failure().code, NO_ORGANISATION);
    }

    #[tokio::test]
    async fn xeros_list_tells_which_organisations_are_open() {
        let account = organisation_account(&Arc::new(TestTable::default()));
        let opened = Xero::new().opened(&account).await.unwrap();
        assert_eq!(opened, Opened::These(["tenant-1".to_owned()].into()));
        for (code, is_in_doubt) in [(NOT_AUTHORISED, true), (NO_ORGANISATION, true), ("forbidden", false)] {
            assert_eq!(
                Xero::new().may_be_disconnected(&Failure::new(code, "refused")),
                is_in_doubt,
                "{code}"
            );
        }
    }

    #[tokio::test]
    async fn a_description_gives_codes_to_paste() {
        let account = organisation_account(&Arc::new(TestTable::default()));
        let xero = Xero::new();
        let all = xero.describe(&account, None).await.unwrap();
        assert_eq!(all["accounts"][0]["Code"], "200");
        assert_eq!(all["bank_accounts"][0]["Code"], "090");
        assert_eq!(all["tracking"][0]["Options"][0], "North");
        assert_eq!(all["organisation"][0]["PeriodLockDate"], "2026-03-31");
        let one = xero.describe(&account, Some("tax_rates")).await.unwrap();
        assert_eq!(one.as_object().unwrap().len(), 1);
        assert_eq!(
            xero.describe(&account, Some("nothing")).await.unwrap_err().failure().code,
            "unknown_object"
        );
    }
}
