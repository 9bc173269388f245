from __future__ import annotations

import pytest

from funkhaus.domain.subject import Role, Subject


@pytest.mark.parametrize(
    ("role", "groups"),
    [
        (Role.OWNER, ("fh:blue:viewer", "fh:blue:suspended")),
        (Role.DEVELOPER, ("fh:blue:viewer", "fh:blue:suspended")),
        (Role.VIEWER, ("fh:blue:viewer",)),
        (Role.BILLING, ("fh:blue:billing",)),
    ],
)
def test_in_a_tenant_that_rests_nobody_gains_and_writers_only_try(
    role: Role, groups: tuple[str, ...]
) -> None:
    both = {"blue": role, "red": Role.OWNER}
    assert Subject("1", "ada", roles=both).groups == (f"fh:blue:{role.value}", "fh:red:owner")
    resting = Subject("1", "ada", roles=both, suspended=frozenset({"blue"}))
    assert resting.groups == (*groups, "fh:red:owner")
