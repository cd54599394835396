//! What reports are asked for besides their days: what was paid instead of what was invoiced, and what lines are
//! tracked under. What can't be answered is refused.

use serde_json::{Value, json};

use super::Client;
use super::payments::ready;
use super::reports::{amounts, busy, lines, report};

async fn pay(client: &Client, invoice: &str, amount: u32, date: &str) {
    let payment = json!({
        "Invoice": { "InvoiceID": invoice }, "Account": { "Code": "090" }, "Date": date, "Amount": amount,
    });
    let reply = client.put("Payments", payment).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

async fn made(client: &Client, path: &str, document: Value) -> Value {
    let reply = client.put(path, document).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()[path.split('/').next_back().unwrap()][0].clone()
}

async fn refused(client: &Client, path: &str) -> Vec<String> {
    let reply = client.get(&format!("Reports/{path}")).await;
    assert_eq!(reply.status, 400, "{path}: {}", reply.text);
    reply.messages()
}

#[tokio::test]
async fn on_a_cash_basis_an_invoice_counts_as_far_as_it_is_paid_on_the_day_it_is() {
    let (client, _) = busy().await;
    let profit = report(&client, "ProfitAndLoss?paymentsOnly=true").await;
    assert_eq!([amounts(&profit, "Sales"), amounts(&profit, "Net Profit")], [["13.04"], ["13.04"]]);
    let before = report(&client, "ProfitAndLoss?paymentsOnly=True&toDate=2026-11-20").await;
    assert_eq!(amounts(&before, "Net Profit"), ["0.00"]);
    let trial = report(&client, "TrialBalance?date=2026-11-30&paymentsOnly=true").await;
    assert_eq!(amounts(&trial, "Sales (200)"), ["", "13.04", "", "13.04"]);
    assert_eq!(amounts(&trial, "GST (820)"), ["", "1.96", "", "1.96"]);
    assert_eq!(amounts(&trial, "Total"), ["15.00"; 4]);
    let sheet = report(&client, "BalanceSheet?date=2026-11-22&paymentsOnly=true").await;
    assert!(lines(&sheet).iter().all(|line| line[0] != "Accounts Receivable"), "{sheet:#}");
    assert_eq!(amounts(&sheet, "Business Bank Account"), ["15.00"]);
    assert_eq!([amounts(&sheet, "Net Assets"), amounts(&sheet, "Total Equity")], [["13.04"], ["13.04"]]);
    let accrued = report(&client, "ProfitAndLoss?paymentsOnly=false").await;
    assert_eq!(amounts(&accrued, "Sales"), ["60.00"]);
}

#[tokio::test]
async fn what_is_paid_and_credited_in_full_counts_alike_on_both_bases() {
    let (client, _) = busy().await;
    let sale = client.get("Invoices?where=Type%3D%3D%22ACCREC%22").await.json()["Invoices"][0].clone();
    let bill = client.get("Invoices?where=Type%3D%3D%22ACCPAY%22").await.json()["Invoices"][0].clone();
    let note = client.get("CreditNotes").await.json()["CreditNotes"][0].clone();
    let [sale, bill] = [sale, bill].map(|one| one["InvoiceID"].as_str().unwrap().to_owned());
    let allocation = json!({ "Amount": 46, "Date": "2026-11-22", "Invoice": { "InvoiceID": sale } });
    let allocations = format!("CreditNotes/{}/Allocations", note["CreditNoteID"].as_str().unwrap());
    made(&client, &allocations, allocation).await;
    let partly = report(&client, "ProfitAndLoss?paymentsOnly=true").await;
    assert_eq!(amounts(&partly, "Sales"), ["13.04"], "what is credited was earned and given back");
    pay(&client, &sale, 54, "2026-11-23").await;
    pay(&client, &bill, 115, "2026-11-23").await;
    for path in ["ProfitAndLoss", "TrialBalance?date=2026-11-30", "BalanceSheet?date=2026-11-30"] {
        let cash = format!("{path}{}paymentsOnly=true", if path.contains('?') { "&" } else { "?" });
        assert_eq!(lines(&report(&client, path).await), lines(&report(&client, &cash).await), "{path}");
    }
    client.assert_books_hold().await;
}

#[tokio::test]
async fn money_ahead_of_an_invoice_counts_when_it_comes_and_journals_as_they_say() {
    let (client, contact, sale) = ready().await;
    let received = |kind: &str, lines: Value| {
        json!({
            "Type": kind, "Contact": { "ContactID": contact }, "Date": "2026-11-20",
            "BankAccount": { "Code": "090" }, "LineItems": lines,
        })
    };
    let line = json!([{ "Description": "Ahead", "UnitAmount": 23, "AccountCode": "200" }]);
    let ahead = made(&client, "BankTransactions", received("RECEIVE-PREPAYMENT", line)).await;
    let line = json!([{ "Description": "Too much", "LineAmount": 10 }]);
    let over = made(&client, "BankTransactions", received("RECEIVE-OVERPAYMENT", line)).await;
    let sales =
        async || amounts(&report(&client, "TrialBalance?paymentsOnly=true").await, "Sales (200)")[1].clone();
    let owed = "Accounts Receivable (610)";
    assert_eq!(sales().await, "20.00");
    let trial = report(&client, "TrialBalance?paymentsOnly=true").await;
    assert_eq!(amounts(&trial, owed)[1], "10.00", "an overpayment is owed back on either basis");
    for (kind, credit, amount) in [("Prepayment", &ahead, 23), ("Overpayment", &over, 10)] {
        let path = format!("{kind}s/{}/Allocations", credit[format!("{kind}ID")].as_str().unwrap());
        let allocation = json!({ "Amount": amount, "Date": "2026-11-21", "Invoice": { "InvoiceID": sale } });
        made(&client, &path, allocation).await;
    }
    assert_eq!(sales().await, "28.70", "33.00 of 115.00");
    for (counts, expected) in [(false, "28.70"), (true, "33.70")] {
        let journal = json!({
            "Narration": "More", "Status": "POSTED", "ShowOnCashBasisReports": counts, "Date": "2026-11-21",
            "JournalLines": [
                { "LineAmount": 5, "AccountCode": "400" }, { "LineAmount": -5, "AccountCode": "200" },
            ],
        });
        made(&client, "ManualJournals", journal).await;
        assert_eq!(sales().await, expected);
    }
    client.assert_books_hold().await;
}

/// 100 in the north, 50 in the south and 30 nowhere, half of it paid; the category and its options by name.
async fn tracked() -> (Client, String, Value) {
    let client = Client::unlimited().await;
    client.ledger().add_contact_named("Acme").unwrap();
    let line = |amount: u32, option: Option<&str>| {
        let tracking = option.map(|option| json!([{ "Name": "Region", "Option": option }]));
        json!({
            "Description": "Work", "UnitAmount": amount, "AccountCode": "200", "TaxType": "NONE",
            "Tracking": tracking.unwrap_or_else(|| json!([])),
        })
    };
    let invoice = json!({
        "Type": "ACCREC", "Status": "AUTHORISED", "Contact": { "Name": "Acme" }, "Date": "2026-11-20",
        "LineItems": [line(100, Some("North")), line(50, Some("South")), line(30, None)],
    });
    let invoice = made(&client, "Invoices", invoice).await;
    pay(&client, invoice["InvoiceID"].as_str().unwrap(), 90, "2026-11-21").await;
    let region = client.get("TrackingCategories").await.json()["TrackingCategories"][0].clone();
    let options = region["Options"].as_array().unwrap().iter();
    let options =
        options.map(|one| (one["Name"].as_str().unwrap().to_owned(), one["TrackingOptionID"].clone()));
    let options = Value::Object(options.collect());
    (client, format!("trackingCategoryID={}", region["TrackingCategoryID"].as_str().unwrap()), options)
}

#[tokio::test]
async fn profit_and_loss_has_a_column_for_each_option_of_a_category() {
    let (client, region, _) = tracked().await;
    let profit = report(&client, &format!("ProfitAndLoss?{region}")).await;
    assert_eq!(lines(&profit)[0], ["", "Eastside", "North", "South", "West Coast", "Unassigned", "Total"]);
    assert_eq!(amounts(&profit, "Sales"), ["0.00", "100.00", "50.00", "0.00", "30.00", "180.00"]);
    assert_eq!(amounts(&profit, "Net Profit"), amounts(&profit, "Sales"));
    let cash = report(&client, &format!("ProfitAndLoss?{region}&paymentsOnly=true")).await;
    assert_eq!(amounts(&cash, "Sales"), ["0.00", "50.00", "25.00", "0.00", "15.00", "90.00"]);
}

#[tokio::test]
async fn profit_and_loss_is_of_one_option_or_of_one_of_each_category() {
    let (client, region, options) = tracked().await;
    let north = format!("{region}&trackingOptionID={}", options["North"].as_str().unwrap());
    let profit = report(&client, &format!("ProfitAndLoss?{north}&periods=1")).await;
    assert_eq!(lines(&profit)[0], ["", "30 Nov 26", "31 Oct 26"]);
    assert_eq!(amounts(&profit, "Sales"), ["100.00", "0.00"]);
    let jobs = made(&client, "TrackingCategories", json!({ "Name": "Jobs" })).await;
    let jobs = jobs["TrackingCategoryID"].as_str().unwrap();
    let one = made(&client, &format!("TrackingCategories/{jobs}/Options"), json!({ "Name": "One" })).await;
    let one = one["TrackingOptionID"].as_str().unwrap();
    let both = json!([{ "Name": "Region", "Option": "North" }, { "Name": "Jobs", "Option": "One" }]);
    let invoice = json!({
        "Type": "ACCREC", "Status": "AUTHORISED", "Contact": { "Name": "Acme" }, "Date": "2026-11-20",
        "LineItems": [
            { "Description": "Work", "UnitAmount": 7, "AccountCode": "200", "TaxType": "NONE", "Tracking": both },
        ],
    });
    made(&client, "Invoices", invoice).await;
    let second = format!("trackingCategoryID2={jobs}&trackingOptionID2={one}");
    let pair = report(&client, &format!("ProfitAndLoss?{north}&{second}")).await;
    assert_eq!(amounts(&pair, "Sales"), ["7.00"]);
    let columns = report(&client, &format!("ProfitAndLoss?{region}&{second}")).await;
    assert_eq!(amounts(&columns, "Sales"), ["0.00", "7.00", "0.00", "0.00", "0.00", "7.00"]);
    let north_alone = report(&client, &format!("ProfitAndLoss?{north}")).await;
    assert_eq!(amounts(&north_alone, "Sales"), ["107.00"]);
}

#[tokio::test]
async fn an_option_that_cannot_be_answered_is_refused_in_words() {
    let (client, region, options) = tracked().await;
    let north = options["North"].as_str().unwrap();
    let nobody = "3a1c0cd6-2c0a-4cf3-9d55-0b6f0a4f7a11";
    for (path, message) in [
        (format!("ProfitAndLoss?trackingCategoryID={nobody}"), format!("The trackingCategoryID '{nobody}' could not be found")),
        ("ProfitAndLoss?trackingCategoryID=x".to_owned(), "The trackingCategoryID 'x' could not be found".to_owned()),
        (
            format!("ProfitAndLoss?{region}&trackingOptionID={nobody}"),
            format!("The trackingOptionID '{nobody}' could not be found in the category 'Region'"),
        ),
        (
            format!("ProfitAndLoss?trackingOptionID={north}"),
            "The trackingCategoryID of the trackingOptionID must be specified".to_owned(),
        ),
        (
            format!("ProfitAndLoss?trackingOptionID2={north}"),
            "The trackingCategoryID2 of the trackingOptionID2 must be specified".to_owned(),
        ),
        (
            format!("ProfitAndLoss?{}", region.replace("ID=", "ID2=")),
            "A trackingCategoryID2 can only be reported with a trackingCategoryID and a trackingOptionID2".to_owned(),
        ),
        (
            format!("ProfitAndLoss?{region}&periods=2"),
            "Periods can't be compared where every option has a column: specify a trackingOptionID".to_owned(),
        ),
        (
            format!("BalanceSheet?trackingOptionID1={north}"),
            "A BalanceSheet can't be filtered by trackingOptionID1: what is in the bank and what is owed is not tracked"
                .to_owned(),
        ),
        (
            format!("BalanceSheet?trackingOptionID2={north}"),
            "A BalanceSheet can't be filtered by trackingOptionID2: what is in the bank and what is owed is not tracked"
                .to_owned(),
        ),
        ("TrialBalance?paymentsOnly=maybe".to_owned(), "The paymentsOnly 'maybe' must be true or false".to_owned()),
        ("ProfitAndLoss?standardLayout=1".to_owned(), "The standardLayout '1' must be true or false".to_owned()),
    ] {
        assert_eq!(refused(&client, &path).await, [message], "{path}");
    }
    for plain in ["ProfitAndLoss?standardLayout=true", "BalanceSheet?standardLayout=False"] {
        assert_eq!(client.get(&format!("Reports/{plain}")).await.status, 200, "{plain}");
    }
}
