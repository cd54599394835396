"""xero-python: items, accounts, taxes, tracking, currencies, themes, and the organisation itself."""

from decimal import Decimal

import pytest
from xero_python.accounting import (
    Account,
    Accounts,
    AccountType,
    Currency,
    CurrencyCode,
    Item,
    Items,
    Purchase,
    TaxComponent,
    TaxRate,
    TaxRates,
    TrackingCategory,
    TrackingOption,
)
from xero_python.exceptions import AccountingBadRequestException, NotFoundException

from conftest import Xero


def test_an_item_is_created_found_by_id_and_code_changed_and_deleted(xero: Xero) -> None:
    sold = Purchase(unit_price=Decimal("12.50"), account_code="200", tax_type="OUTPUT2")
    wanted = Item(
        code="WIDGET",
        name="A widget",
        description="For sale",
        sales_details=sold,
        purchase_description="To buy",
        purchase_details=Purchase(unit_price=Decimal("7.25"), account_code="300"),
    )
    (made,) = xero.create_items(Items(items=[wanted])).items
    (read,) = xero.get_item(made.item_id).items
    assert (read.code, read.name, read.description) == ("WIDGET", "A widget", "For sale")
    assert (read.sales_details.unit_price, read.purchase_details.unit_price) == (
        Decimal("12.50"),
        Decimal("7.25"),
    )
    assert (read.is_sold, read.is_purchased, read.is_tracked_as_inventory) == (True, True, False)
    change = Items(items=[Item(code="WIDGET", name="Renamed")])
    (changed,) = xero.update_item(made.item_id, change).items
    assert (changed.item_id, changed.name) == (made.item_id, "Renamed")
    (same,) = xero.update_or_create_items(Items(items=[Item(code="WIDGET", name="Again")])).items
    assert same.item_id == made.item_id
    listed = xero.get_items(where='Code=="WIDGET"').items
    assert [one.name for one in listed] == ["Again"]
    assert xero.delete_item(made.item_id) is None
    with pytest.raises(NotFoundException):
        xero.get_item(made.item_id)


def test_a_code_is_taken_once(xero: Xero) -> None:
    wanted = Items(items=[Item(code="TWICE", name="First")])
    xero.create_items(wanted)
    with pytest.raises(AccountingBadRequestException, match="already exists"):
        xero.create_items(wanted)


def test_an_account_is_created_changed_archived_and_deleted(xero: Xero) -> None:
    wanted = Account(code="299", name="Side business", type=AccountType.REVENUE, tax_type="OUTPUT2")
    (made,) = xero.create_account(wanted).accounts
    (read,) = xero.get_account(made.account_id).accounts
    assert (read.code, read.type, read._class, read.status) == (
        "299",
        AccountType.REVENUE,
        "REVENUE",
        "ACTIVE",
    )
    change = Accounts(accounts=[Account(name="Main business", description="Now it is")])
    (changed,) = xero.update_account(made.account_id, change).accounts
    assert (changed.name, changed.code) == ("Main business", "299")
    with pytest.raises(AccountingBadRequestException, match="unique"):
        xero.create_account(Account(code="298", name="Main business", type=AccountType.REVENUE))
    archive = Accounts(accounts=[Account(status="ARCHIVED")])
    (archived,) = xero.update_account(made.account_id, archive).accounts
    assert archived.status == "ARCHIVED"
    (gone,) = xero.delete_account(made.account_id).accounts
    assert gone.account_id == made.account_id
    with pytest.raises(NotFoundException):
        xero.get_account(made.account_id)


def test_accounts_are_filtered_by_their_kind(xero: Xero) -> None:
    banks = xero.get_accounts(where='Type=="BANK"', order="Code ASC").accounts
    assert {one.type for one in banks} == {AccountType.BANK}


def test_a_tax_rate_is_created_changed_and_deleted(xero: Xero) -> None:
    parts = [TaxComponent(name="State", rate=Decimal("5.5")), TaxComponent(name="City", rate=Decimal(2))]
    wanted = TaxRate(name="Two taxes", tax_components=parts, report_tax_type="OUTPUT")
    (made,) = xero.create_tax_rates(TaxRates(tax_rates=[wanted])).tax_rates
    assert made.tax_type.startswith("TAX")
    assert made.effective_rate == Decimal("7.5")
    (read,) = xero.get_tax_rate_by_tax_type(made.tax_type).tax_rates
    assert [(one.name, one.rate) for one in read.tax_components] == [
        ("State", Decimal("5.5")),
        ("City", Decimal(2)),
    ]
    change = TaxRate(name="Two taxes", tax_components=parts[:1])
    (changed,) = xero.update_tax_rate(TaxRates(tax_rates=[change])).tax_rates
    assert changed.effective_rate == Decimal("5.5")
    ended = TaxRate(name="Two taxes", tax_components=parts[:1], status="DELETED")
    (deleted,) = xero.update_tax_rate(TaxRates(tax_rates=[ended])).tax_rates
    assert deleted.status == "DELETED"
    named = {one.tax_type: one for one in xero.get_tax_rates().tax_rates}
    assert named["OUTPUT2"].effective_rate == 15


def test_a_tracking_category_has_options_that_come_and_go(xero: Xero) -> None:
    for existing in xero.get_tracking_categories().tracking_categories[1:]:
        xero.delete_tracking_category(existing.tracking_category_id)
    (made,) = xero.create_tracking_category(TrackingCategory(name="Channel")).tracking_categories
    (option,) = xero.create_tracking_options(made.tracking_category_id, TrackingOption(name="Shop")).options
    xero.update_tracking_options(
        made.tracking_category_id, option.tracking_option_id, TrackingOption(name="Web shop")
    )
    xero.update_tracking_category(made.tracking_category_id, TrackingCategory(name="Sales channel"))
    (read,) = xero.get_tracking_category(made.tracking_category_id).tracking_categories
    assert (read.name, [one.name for one in read.options]) == ("Sales channel", ["Web shop"])
    xero.delete_tracking_options(made.tracking_category_id, option.tracking_option_id)
    (read,) = xero.get_tracking_category(made.tracking_category_id).tracking_categories
    assert not [one for one in read.options if one.status == "ACTIVE"]
    archive = TrackingCategory(name="Sales channel", status="ARCHIVED")
    xero.update_tracking_category(made.tracking_category_id, archive)
    active = [one.name for one in xero.get_tracking_categories().tracking_categories]
    everything = xero.get_tracking_categories(include_archived=True).tracking_categories
    assert "Sales channel" not in active
    assert "Sales channel" in [one.name for one in everything]
    xero.delete_tracking_category(made.tracking_category_id)


def test_a_currency_is_added(xero: Xero) -> None:
    (made,) = xero.create_currency(Currency(code=CurrencyCode.EUR)).currencies
    assert made.code == CurrencyCode.EUR
    assert {CurrencyCode.NZD, CurrencyCode.EUR} <= {one.code for one in xero.get_currencies().currencies}


def test_branding_themes_are_read(xero: Xero) -> None:
    themes = xero.get_branding_themes().branding_themes
    assert themes
    (one,) = xero.get_branding_theme(themes[0].branding_theme_id).branding_themes
    assert one.name == themes[0].name


def test_the_organisation_says_who_it_is_and_what_it_may(xero: Xero) -> None:
    (organisation,) = xero.get_organisations().organisations
    assert (organisation.name, organisation.base_currency) == ("Demo Company", CurrencyCode.NZD)
    assert organisation.short_code.startswith("!")
    actions = {one.name: one.status for one in xero.get_organisation_actions().actions}
    assert set(actions.values()) <= {"ALLOWED", "NOT-ALLOWED"}
    assert actions


def test_users_are_read(xero: Xero) -> None:
    users = xero.get_users().users
    assert users
    (one,) = xero.get_user(users[0].user_id).users
    assert one.email_address == users[0].email_address
