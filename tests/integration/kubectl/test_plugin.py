"""kubectl as a person has it: a kubeconfig of `funkhaus kubeconfig`, which asks the plugin, which asks the API."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from funkhaus.domain.cluster_address import ClusterAddress
from funkhaus.domain.subject import Role
from tests.support.members_house import SECONDS, members_house, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.members_house import Site


async def test_the_plugin_needs_to_know_nothing_of_it(site: Site, tmp_path: Path) -> None:
    address = ClusterAddress.of(site.server.url, site.server.ca.read_text())
    async with members_house(site, tmp_path, address) as house:
        token = await house.world.token("blue", Role.DEVELOPER)
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
        env |= {"FUNKHAUS_TOKEN": token, "FUNKHAUS_API": house.nobody.url}

        async def run(*words: str) -> subprocess.CompletedProcess[str]:
            return await asyncio.to_thread(
                subprocess.run, words, env=env, capture_output=True, text=True, timeout=SECONDS, check=False
            )  # fmt: skip

        path = tmp_path / "blue.kubeconfig"
        place = ("--tenant", "blue", "--namespace", "default")
        done = await run("funkhaus", "kubeconfig", *place, "--output", str(path))
        assert done.returncode == 0, done.stderr
        credential = json.loads((await run("funkhaus", "kubectl-credential")).stdout)["status"]
        assert credential["token"].count(".") == 2
        ends = datetime.fromisoformat(credential["expirationTimestamp"])
        assert 500 < (ends - datetime.now(UTC)).total_seconds() <= 600

        async def listed() -> bool:
            done = await run("kubectl", f"--kubeconfig={path}", "get", "fn", "-o", "name")
            return done.returncode == 0

        await until("kubectl lists", listed)
        can = await run("kubectl", f"--kubeconfig={path}", "auth", "can-i", "delete", "fn")
        assert can.stdout.strip() == "yes"
        other = await run("kubectl", f"--kubeconfig={path}", "get", "fn", "-n", "red--default")
        assert "orbidden" in other.stderr
        assert (await house.nobody.holding(token).delete("/v1/me/token")).status == 204
        after = await run("kubectl", f"--kubeconfig={path}", "get", "fn")
        assert "getting credentials" in after.stderr
