"""xero-python: the Projects API."""

from datetime import datetime, timezone
from decimal import Decimal

import pytest
from xero_python.exceptions import NotFoundException
from xero_python.project import ProjectApi
from xero_python.project.models import ProjectCreateOrUpdate, ProjectPatch, ProjectStatus

from conftest import World, Xero

DEADLINE = datetime(2030, 1, 31, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def contact(world: World) -> str:
    return world.contact("Has projects").contact_id


@pytest.fixture
def projects(xero: Xero) -> ProjectApi:
    return ProjectApi(xero.client)


def wanted(contact: str, name: str) -> ProjectCreateOrUpdate:
    return ProjectCreateOrUpdate(
        contact_id=contact, name=name, deadline_utc=DEADLINE, estimate_amount=Decimal("99.99")
    )


def test_a_project_is_created_read_changed_and_closed(xero: Xero, projects: ProjectApi, contact: str) -> None:
    made = projects.create_project(xero.tenant, wanted(contact, "New kitchen"))
    assert (made.name, made.status, made.contact_id) == ("New kitchen", ProjectStatus.INPROGRESS, contact)
    read = projects.get_project(xero.tenant, made.project_id)
    assert (read.estimate.value, read.deadline_utc, read.minutes_logged) == (
        Decimal("99.99"),
        DEADLINE,
        0,
    )
    projects.update_project(xero.tenant, made.project_id, wanted(contact, "Newer kitchen"))
    projects.patch_project(xero.tenant, made.project_id, ProjectPatch(status=ProjectStatus.CLOSED))
    read = projects.get_project(xero.tenant, made.project_id)
    assert (read.name, read.status) == ("Newer kitchen", ProjectStatus.CLOSED)


def test_projects_are_listed_by_page_contact_and_state(
    xero: Xero, projects: ProjectApi, contact: str
) -> None:
    made = [projects.create_project(xero.tenant, wanted(contact, f"Listed {n}")) for n in range(3)]
    ids = [one.project_id for one in made]
    page = projects.get_projects(xero.tenant, project_ids=ids, page=2, page_size=2)
    assert (page.pagination.item_count, page.pagination.page_count, len(page.items)) == (3, 2, 1)
    found = projects.get_projects(xero.tenant, contact_id=contact, states="INPROGRESS", page_size=500)
    assert set(ids) <= {one.project_id for one in found.items}


def test_an_unknown_project_is_not_found(xero: Xero, projects: ProjectApi) -> None:
    with pytest.raises(NotFoundException):
        projects.get_project(xero.tenant, "00000000-0000-0000-0000-000000000001")
