"""The main job, seen with the vendors' own clients: deals are won in Salesforce, and each becomes one invoice in Xero.

`counterfoil up --sandbox` works in between with the shipped flow; the tests only look at both ends.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from simple_salesforce import Salesforce
from xero_python.accounting import Invoice, Item, Items

from conftest import Start, Xero
from program import CHECKOUT, perform

FLOW = CHECKOUT / "flows" / "won-opportunity-to-invoice.yaml"
# The program polls each minute.
PATIENCE = 150.0
CENT = Decimal("0.01")
STANDARD = "SELECT Id FROM Pricebook2 WHERE IsStandard = true"


@dataclass(frozen=True)
class Line:
    product: str
    quantity: str
    price: str
    discount: str | None = None

    @property
    def amount(self) -> Decimal:
        """Before tax, to the cent."""
        share = 1 - Decimal(self.discount or 0) / 100
        return (Decimal(self.quantity) * Decimal(self.price) * share).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True)
class Deal:
    name: str
    account: str
    lines: tuple[Line, ...]


# Code and family of each product; the family chooses the account of the books.
PRODUCTS = {
    "Router": ("T-ROUTER", "Hardware"),
    "Cable": ("T-CABLE", "Hardware"),
    "Advice": ("T-ADVICE", "Services"),
}
ACCOUNTS = {"Hardware": "200", "Services": "210"}
DEALS = (
    Deal("One line", "Éclair & Søn A/S", (Line("Router", "1", "1234.56"),)),
    Deal("A discount", "Half Cent Ltd", (Line("Router", "3", "33.33", "7.5"),)),
    Deal(
        "Odd prices",
        "Half Cent Ltd",
        (
            Line("Cable", "7", "0.07"),
            Line("Advice", "2.5", "99.99", "12.5"),
            Line("Router", "13", "19.95", "33.33"),
        ),
    ),
    Deal("Given away", "Generous GmbH", (Line("Advice", "1", "500", "100"), Line("Cable", "1", "0.01"))),
    Deal("Many of them", "Éclair & Søn A/S", tuple(Line("Cable", "11", f"1.0{n}", "5") for n in range(9))),
)


@dataclass(frozen=True)
class Outcome:
    """What both ends show when the work is done."""

    opportunities: dict[str, dict[str, Any]]
    invoices: list[Invoice]
    rates: dict[str, Decimal]

    def invoice_of(self, deal: Deal) -> Invoice:
        number = self.opportunities[deal.name]["Xero_Invoice__c"]
        (invoice,) = [one for one in self.invoices if one.invoice_number == number]
        return invoice


@pytest.fixture(scope="module")
def outcome(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    data = tmp_path_factory.mktemp("data")
    with start("up", "--sandbox", "--port", "0", "--data", data) as world:
        salesforce, xero = world.salesforce(), world.xero()
        # Stamps have whole seconds: the deals that the org begins with are to be older than the flow.
        world.let_pass(seconds=3)
        perform("--data", data, "flow", "push", FLOW)
        perform("--data", data, "flow", "enable", "won-opportunity-to-invoice")
        items = [Item(code=code, name=name) for name, (code, _) in PRODUCTS.items()]
        xero.create_items(Items(items=items))
        ids = sell(salesforce)
        win(salesforce, ids)
        yield look(xero, written_back(salesforce, ids, data))


def sell(salesforce: Salesforce) -> list[str]:
    """Accounts, products with prices, and deals with lines; nothing is won yet. The ids of the deals."""
    (book,) = salesforce.query(STANDARD)["records"]
    entries = {}
    for name, (code, family) in PRODUCTS.items():
        product = salesforce.Product2.create(
            {"Name": name, "ProductCode": code, "Family": family, "IsActive": True}
        )
        entry = {"Pricebook2Id": book["Id"], "Product2Id": product["id"], "UnitPrice": 1, "IsActive": True}
        entries[name] = salesforce.PricebookEntry.create(entry)["id"]
    accounts = {
        name: salesforce.Account.create({"Name": name, "BillingCountry": "New Zealand"})["id"]
        for name in sorted({deal.account for deal in DEALS})
    }
    ids = []
    for deal in DEALS:
        made = salesforce.Opportunity.create(
            {
                "Name": deal.name,
                "AccountId": accounts[deal.account],
                "StageName": "Negotiation/Review",
                "CloseDate": date.today().isoformat(),
                "Pricebook2Id": book["Id"],
            }
        )
        for line in deal.lines:
            salesforce.OpportunityLineItem.create(
                {
                    "OpportunityId": made["id"],
                    "PricebookEntryId": entries[line.product],
                    "Quantity": line.quantity,
                    "UnitPrice": line.price,
                    "Discount": line.discount,
                    "Description": f"{line.product}, as agreed",
                }
            )
        ids.append(made["id"])
    return ids


def win(salesforce: Salesforce, ids: list[str]) -> None:
    for deal in ids:
        assert salesforce.Opportunity.update(deal, {"StageName": "Closed Won"}) == 204


def written_back(salesforce: Salesforce, ids: list[str], data: Path) -> list[dict[str, Any]]:
    """The deals, when each has its invoice's number."""
    named = ", ".join(f"'{deal}'" for deal in ids)
    query = f"SELECT Name, Amount, AccountId, Xero_Invoice__c FROM Opportunity WHERE Id IN ({named})"
    deadline = time.monotonic() + PATIENCE
    while True:
        deals = salesforce.query_all(query)["records"]
        if all(deal["Xero_Invoice__c"] for deal in deals):
            return deals
        failures = json.loads(perform("--data", data, "failures", "--json"))
        if failures or time.monotonic() > deadline:
            raise AssertionError(f"not all deals have their invoice's number: {deals}\n{failures}")
        time.sleep(0.5)


def look(xero: Xero, deals: list[dict[str, Any]]) -> Outcome:
    rates = xero.get_tax_rates().tax_rates
    return Outcome(
        opportunities={deal["Name"]: deal for deal in deals},
        invoices=xero.get_invoices(page=1, page_size=1000).invoices,
        rates={rate.tax_type: Decimal(rate.effective_rate) for rate in rates},
    )


def test_each_won_deal_has_one_invoice_and_there_is_no_other(outcome: Outcome) -> None:
    numbers = [deal["Xero_Invoice__c"] for deal in outcome.opportunities.values()]
    assert len(set(numbers)) == len(DEALS)
    assert sorted(numbers) == sorted(invoice.invoice_number for invoice in outcome.invoices)


@pytest.mark.parametrize("deal", DEALS, ids=lambda deal: deal.name)
def test_the_amounts_of_both_sides_are_equal_to_the_cent(outcome: Outcome, deal: Deal) -> None:
    opportunity, invoice = outcome.opportunities[deal.name], outcome.invoice_of(deal)
    expected = sum((line.amount for line in deal.lines), Decimal(0))
    assert Decimal(str(opportunity["Amount"])) == expected
    assert invoice.sub_total == expected
    assert [line.line_amount for line in invoice.line_items] == [line.amount for line in deal.lines]
    taxes = [
        (line.line_amount * outcome.rates[line.tax_type] / 100).quantize(CENT, ROUND_HALF_UP)
        for line in invoice.line_items
    ]
    assert [line.tax_amount for line in invoice.line_items] == taxes
    assert invoice.total_tax == sum(taxes)
    assert invoice.total == expected + sum(taxes)
    assert invoice.amount_due == invoice.total


@pytest.mark.parametrize("deal", DEALS, ids=lambda deal: deal.name)
def test_an_invoice_says_what_was_sold_to_whom(outcome: Outcome, deal: Deal) -> None:
    invoice = outcome.invoice_of(deal)
    assert (invoice.type, invoice.status) == ("ACCREC", "DRAFT")
    assert invoice.contact.name == deal.account
    assert invoice.date == date.today()
    sold = [(line.item_code, line.quantity, line.unit_amount) for line in invoice.line_items]
    assert sold == [
        (PRODUCTS[line.product][0], Decimal(line.quantity), Decimal(line.price)) for line in deal.lines
    ]
    accounts = [ACCOUNTS[PRODUCTS[line.product][1]] for line in deal.lines]
    assert [line.account_code for line in invoice.line_items] == accounts


def test_two_deals_of_one_customer_share_its_contact(outcome: Outcome) -> None:
    contacts = {invoice.contact.name: invoice.contact.contact_id for invoice in outcome.invoices}
    assert len(contacts) == len({deal.account for deal in DEALS})
    for invoice in outcome.invoices:
        assert invoice.contact.contact_id == contacts[invoice.contact.name]
