from __future__ import annotations

import pytest

from funkhaus.domain.errors import ForbiddenError, NotFoundError
from funkhaus.domain.permission import ROLE_PERMISSIONS, Permission, require
from funkhaus.domain.subject import PlatformRole, Role, Subject

VIEWER = Subject("1", "vera", roles={"blue": Role.VIEWER})
ADMIN = Subject("2", "ada", platform_roles=frozenset({PlatformRole.ADMIN}))


def test_a_strangers_tenant_reads_as_absent() -> None:
    with pytest.raises(NotFoundError):
        require(VIEWER, Permission.FUNCTION_READ, "red")


def test_a_viewer_reads_and_does_not_write() -> None:
    require(VIEWER, Permission.FUNCTION_READ, "blue")
    with pytest.raises(ForbiddenError, match=r"needs a role of: developer, owner; yours is viewer"):
        require(VIEWER, Permission.FUNCTION_WRITE, "blue")


def test_only_an_admin_acts_on_the_platform() -> None:
    require(ADMIN, Permission.TENANT_CREATE)
    with pytest.raises(ForbiddenError, match=r"needs the platform role admin\Z"):
        require(VIEWER, Permission.TENANT_CREATE)
    with pytest.raises(ForbiddenError, match=r"needs the platform role admin or approver\Z"):
        require(VIEWER, Permission.QUOTA_DECIDE)


def test_roles_grow() -> None:
    viewer, developer, owner = (
        ROLE_PERMISSIONS[role] for role in (Role.VIEWER, Role.DEVELOPER, Role.OWNER)
    )
    assert viewer < developer < owner


def test_permissions_are_alphabetical() -> None:
    assert [item.name for item in Permission] == sorted(item.name for item in Permission)
