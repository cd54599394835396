//! Reports are the books added up: what documents did is what they say, to the cent.

use serde_json::{Value, json};

use super::Client;
use super::payments::{invoice, ready};

/// A sale of 115.00 with 15.00 paid and 46.00 credited, and a bill of 115.00.
pub(super) async fn busy() -> (Client, String) {
    let (client, contact, sale) = ready().await;
    invoice(&client, &contact, "ACCPAY").await;
    let payment = json!({
        "Invoice": { "InvoiceID": sale }, "Account": { "Code": "090" }, "Date": "2026-11-21", "Amount": 15,
    });
    assert_eq!(client.put("Payments", payment).await.status, 200);
    let note = json!({
        "Type": "ACCRECCREDIT", "Contact": { "ContactID": contact }, "Date": "2026-11-21",
        "Status": "AUTHORISED",
        "LineItems": [{ "Description": "Returned", "Quantity": 1, "UnitAmount": 40, "AccountCode": "200" }],
    });
    assert_eq!(client.put("CreditNotes", note).await.status, 200);
    (client, contact)
}

pub(super) async fn report(client: &Client, path: &str) -> Value {
    let reply = client.get(&format!("Reports/{path}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let report = reply.json()["Reports"][0].clone();
    assert_eq!(report["ReportID"].as_str(), path.split('?').next());
    report
}

/// All rows as their texts, sections opened.
pub(super) fn lines(report: &Value) -> Vec<Vec<String>> {
    let cells = |row: &Value| -> Vec<String> {
        let cells = row["Cells"].as_array().into_iter().flatten();
        cells.map(|cell| cell["Value"].as_str().unwrap().to_owned()).collect()
    };
    let mut lines = Vec::new();
    for row in report["Rows"].as_array().unwrap() {
        match row["Rows"].as_array() {
            None => lines.push(cells(row)),
            Some(rows) => lines.extend(rows.iter().map(cells)),
        }
    }
    lines
}

/// The amounts of the row with that name.
pub(super) fn amounts(report: &Value, name: &str) -> Vec<String> {
    let found = lines(report).into_iter().find(|line| line.first().is_some_and(|first| first == name));
    found.unwrap_or_else(|| panic!("no row {name} in {report:#}"))[1..].to_vec()
}

#[tokio::test]
async fn profit_and_loss_compares_this_month_with_those_before() {
    let (client, _) = busy().await;
    let report = report(&client, "ProfitAndLoss?periods=1&timeframe=MONTH").await;
    assert_eq!(lines(&report)[0], ["", "30 Nov 26", "31 Oct 26"]);
    assert_eq!(report["ReportTitles"][2], "1 November 2026 to 30 November 2026");
    assert_eq!(amounts(&report, "Sales"), ["60.00", "0.00"]);
    assert_eq!(amounts(&report, "Gross Profit"), ["60.00", "0.00"]);
    assert_eq!(amounts(&report, "Total Operating Expenses"), ["100.00", "0.00"]);
    assert_eq!(amounts(&report, "Net Profit"), ["-40.00", "0.00"]);
    let nothing = self::report(&client, "ProfitAndLoss?fromDate=2026-01-01&toDate=2026-11-19").await;
    assert_eq!(amounts(&nothing, "Net Profit"), ["0.00"]);
}

#[tokio::test]
async fn the_balance_sheet_balances() {
    let (client, _) = busy().await;
    let report = report(&client, "BalanceSheet?date=2026-11-22&periods=2&timeframe=MONTH").await;
    assert_eq!(lines(&report)[0], ["", "30 Nov 2026", "31 Oct 2026", "30 Sep 2026"]);
    assert_eq!(amounts(&report, "Business Bank Account")[0], "15.00");
    assert_eq!(amounts(&report, "Accounts Receivable")[0], "54.00");
    assert_eq!(amounts(&report, "Accounts Payable")[0], "115.00");
    assert_eq!(amounts(&report, "GST")[0], "-6.00");
    assert_eq!(amounts(&report, "Net Assets"), ["-40.00", "0.00", "0.00"]);
    assert_eq!(amounts(&report, "Total Equity"), amounts(&report, "Net Assets"));
    assert_eq!(amounts(&report, "Current Year Earnings")[0], "-40.00");
    let next_year = self::report(&client, "BalanceSheet?date=2027-04-30").await;
    assert_eq!(amounts(&next_year, "Current Year Earnings"), ["0.00"]);
    assert_eq!(amounts(&next_year, "Retained Earnings"), ["-40.00"]);
}

#[tokio::test]
async fn the_trial_balance_has_equal_debits_and_credits() {
    let (client, _) = busy().await;
    let report = report(&client, "TrialBalance?date=2026-11-30").await;
    assert_eq!(amounts(&report, "Sales (200)"), ["", "60.00", "", "60.00"]);
    assert_eq!(amounts(&report, "Business Bank Account (090)"), ["15.00", "", "15.00", ""]);
    assert_eq!(amounts(&report, "Total"), ["175.00", "175.00", "175.00", "175.00"]);
    let later = self::report(&client, "TrialBalance?date=2027-04-30").await;
    assert_eq!(amounts(&later, "Retained Earnings (960)"), ["", "0.00", "40.00", "0.00"]);
    assert_eq!(amounts(&later, "Total"), ["0.00", "0.00", "115.00", "115.00"]);
}

#[tokio::test]
async fn the_bank_summary_says_what_came_and_went() {
    let (client, _) = busy().await;
    let summary = report(&client, "BankSummary?fromDate=2026-11-01&toDate=2026-11-30").await;
    assert_eq!(amounts(&summary, "Business Bank Account"), ["0.00", "15.00", "0.00", "15.00"]);
    assert_eq!(amounts(&summary, "Total"), ["0.00", "15.00", "0.00", "15.00"]);
    let later = report(&client, "BankSummary?fromDate=2026-12-01&toDate=2026-12-31").await;
    assert_eq!(amounts(&later, "Business Bank Account"), ["15.00", "0.00", "0.00", "15.00"]);
    let executive = report(&client, "ExecutiveSummary?date=2026-11-30").await;
    assert_eq!(amounts(&executive, "Cash received"), ["15.00", "0.00", "0.0%"]);
    assert_eq!(amounts(&executive, "Profit (loss)"), ["-40.00", "0.00", "0.0%"]);
    assert_eq!(amounts(&executive, "Debtors"), ["54.00", "0.00", "0.0%"]);
}

#[tokio::test]
async fn aged_receivables_are_open_documents_of_one_contact_as_of_a_day() {
    let (client, contact) = busy().await;
    let path = format!("AgedReceivablesByContact?contactId={contact}&date=2026-12-01");
    let report = report(&client, &path).await;
    let rows = lines(&report);
    assert_eq!(
        rows[2],
        [
            "2026-11-20T00:00:00",
            "INV-0001",
            "2026-11-20T00:00:00",
            "11 days overdue",
            "115.00",
            "15.00",
            "0.00",
            "100.00"
        ]
    );
    assert_eq!(rows[3][7], "-46.00");
    assert_eq!(amounts(&report, "Closing Balance")[6], "54.00");
    assert_eq!(report["ReportTitles"][3], "Showing payments to 1 December 2026");
    let on_the_day = self::report(&client, &path.replace("2026-12-01", "2026-11-20")).await;
    assert_eq!(amounts(&on_the_day, "Closing Balance")[6], "115.00");
    let bills = self::report(&client, &format!("AgedPayablesByContact?contactId={contact}")).await;
    assert_eq!(amounts(&bills, "Closing Balance")[6], "115.00");
    let nobody = client.get("Reports/AgedReceivablesByContact").await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.messages()),
        (400, vec!["The contactId parameter is required".to_owned()])
    );
}

#[tokio::test]
async fn every_report_has_a_scope_of_its_own_and_days_that_can_be_read() {
    let (mut client, _) = busy().await;
    assert_eq!(client.get("Reports/Nothing").await.status, 404);
    assert_eq!(client.get("Reports/BalanceSheet?date=soon").await.status, 400);
    client.sign_in("accounting.reports.trialbalance.read").await;
    assert_eq!(client.get("Reports/TrialBalance").await.status, 200);
    assert_eq!(client.get("Reports/BalanceSheet").await.status, 401);
}
