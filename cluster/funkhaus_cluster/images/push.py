"""Images from the cache to a registry that speaks plain http on this machine (OCI distribution specification 1.1)."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from funkhaus_cluster.errors import ClusterError
from funkhaus_cluster.images.layout import MANIFEST_TYPE

if TYPE_CHECKING:
    from pathlib import Path

    from funkhaus_cluster.images.layout import Image, Layout

SECONDS = 60.0
WORDS_OF_ANSWER = 300


@dataclass(frozen=True)
class Registry:
    """The registry at ``host``, an ``address:port``."""

    host: str

    def push(self, layout: Layout, image: Image, repository: str) -> bool:
        """Send what the registry lacks of ``image``; return whether that was anything.

        Raises ``ClusterError`` when the registry does not answer, refuses, or keeps the image under another digest.
        """
        place = f"/v2/{repository}/manifests/{image.digest}"
        if self._has(place, accept=MANIFEST_TYPE):
            return False
        for digest in image.blobs:
            if not self._has(f"/v2/{repository}/blobs/{digest}"):
                self._upload(repository, layout.blob(digest), digest)
        status, headers, answer = self._ask(
            "PUT", place, layout.blob(image.digest).read_bytes(), {"Content-Type": MANIFEST_TYPE}
        )
        if status != http.client.CREATED:
            raise self._refused(f"the manifest of {repository}", status, answer)
        kept = headers.get("docker-content-digest", image.digest)
        if kept != image.digest:
            raise ClusterError(
                f"registry {self.host} keeps {repository} as {kept}, not as {image.digest}."
            )
        return True

    def _has(self, place: str, accept: str = "*/*") -> bool:
        status, _, answer = self._ask("HEAD", place, None, {"Accept": accept})
        if status not in {http.client.OK, http.client.NOT_FOUND}:
            raise self._refused(f"to say whether it has {place}", status, answer)
        return status == http.client.OK

    def _upload(self, repository: str, blob: Path, digest: str) -> None:
        status, headers, answer = self._ask("POST", f"/v2/{repository}/blobs/uploads/", b"", {})
        if status != http.client.ACCEPTED or "location" not in headers:
            raise self._refused(f"an upload to {repository}", status, answer)
        location = urlsplit(headers["location"])
        query = "&".join(part for part in (location.query, urlencode({"digest": digest})) if part)
        status, _, answer = self._ask(
            "PUT",
            f"{location.path}?{query}",
            blob,
            {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(blob.stat().st_size),
            },
        )
        if status != http.client.CREATED:
            raise self._refused(f"blob {digest} of {repository}", status, answer)

    def _ask(
        self, method: str, path: str, body: bytes | Path | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection(self.host, timeout=SECONDS)
        try:
            if body is None or isinstance(body, bytes):
                connection.request(method, path, body, headers)
            else:
                with body.open("rb") as file:
                    connection.request(method, path, file, headers)
            response = connection.getresponse()
            answer = response.read(WORDS_OF_ANSWER).decode(errors="replace")
            return (
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                answer,
            )
        except (OSError, http.client.HTTPException) as error:
            raise ClusterError(
                f"registry http://{self.host} did not answer {method} {path.partition('?')[0]}: "
                f"{str(error) or type(error).__name__}."
            ) from None
        finally:
            connection.close()

    def _refused(self, what: str, status: int, answer: str) -> ClusterError:
        return ClusterError(
            f"registry {self.host} refused {what} with status {status}: {answer.strip() or 'no words'}"
        )
