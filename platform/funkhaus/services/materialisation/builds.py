"""A function's dependencies: the layer they are, or the build that makes it, as far as it has come.

What is built is in the registry, by what it was built of.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from funkhaus.crd.conditions import Condition
from funkhaus.domain import build, packages, requirements
from funkhaus.manifests import build as builders
from funkhaus.services.materialisation import building
from funkhaus.services.materialisation.building import Words
from funkhaus.services.materialisation.workshop import Errand

if TYPE_CHECKING:
    from funkhaus.domain.build import BuildRules
    from funkhaus.domain.function import Function
    from funkhaus.domain.packages import PackagesLayer
    from funkhaus.domain.runtime import Runtime
    from funkhaus.manifests.labels import Site
    from funkhaus.ports import ImageRegistry
    from funkhaus.services.materialisation.workshop import Workshop


class Builds:
    """Finds or makes the layer of a function's dependencies."""

    def __init__(self, registry: ImageRegistry, workshop: Workshop, rules: BuildRules) -> None:
        self._registry, self._workshop, self._rules = registry, workshop, rules

    async def layer(
        self, site: Site, function: Function, runtime: Runtime
    ) -> tuple[str, PackagesLayer] | Condition | None:
        """The key and the layer; ``None`` where nothing is to be installed; the Built condition that says what is missing.

        Raises the registry's and the cluster's errors.
        """
        asked = requirements.parse(function.spec.dependencies)
        if not asked.lines and not asked.problems:
            await self._workshop.tidy(site, function, builders.PACKAGES)
            return None
        builder, index = runtime.builder, self._rules.index
        if asked.problems or builder is None or index is None:
            return building.impossible(asked, runtime)
        key, repository = (
            build.key(runtime.image, index.url, asked.text),
            packages.repository(site.tenant),
        )
        if found := await self._registry.packages(repository, key):
            await self._workshop.tidy(site, function, builders.PACKAGES)
            return key, found
        work = builders.installing(key, asked.text, builder, index)
        keep = partial(self._registry.push_packages, repository, key)
        made = await self._workshop.make(
            site, function, Errand(work, _words(len(asked.lines))), keep
        )
        return made if isinstance(made, Condition) else (key, made)


def _words(count: int) -> Words:
    return Words(
        does=f"installs {count} package{'s' if count != 1 else ''}",
        failed="the dependencies could not be installed",
        again="the dependencies are about to be built again",
        mend="spec.dependencies",
        less="name fewer packages",
        under_way=building.BUILDING,
        failure=building.FAILED,
    )
