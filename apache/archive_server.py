"""A local Apache that serves one archive, and has no Python in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import config
from .permissions import check_readable, serving_user
from .process import Process, Root
from .server import Server, ServerConfig
from .templates import quotable, render

_MODULES = ("mpm_event", "unixd", "authz_core", "dir", "log_config", "mime")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveServerConfig(ServerConfig):
    """What it serves, and how; *directory* is the archive's."""

    archive: Path
    prefix: str = "/"


class ArchiveServer(Server):
    """One Apache for one archive, from start to stop."""

    settings: ArchiveServerConfig

    @property
    def url(self) -> str:
        """Address of the archive, with a final slash."""
        prefix = self.settings.prefix.strip("/")
        return super().url + (f"{prefix}/" if prefix else "")

    def broken_htaccess(self) -> Iterator[tuple[Path, str]]:
        """None: there are no such files."""
        return iter(())

    def _launch(self) -> None:
        self._root = root = Root()
        root.path.chmod(0o755)  # for Apache's user
        (root.path / "empty").mkdir()
        user, group = serving_user()
        check_readable([("the archive", self.settings.archive)], user, group)
        file = root.path / "httpd.conf"
        file.write_text(self._configuration(root.path, user, group))
        self._process = Process(
            [self._parts.httpd, "-f", file, "-DFOREGROUND"],
            root,
            environment=self._parts.environment(),
            error_line=self._error_line,
            output=self._access_log,
        )

    def _configuration(self, root: Path, user: str, group: str) -> str:
        settings, parts = self.settings, self._parts
        return render(
            "archive_server",
            root=quotable(root),
            address=f"[{settings.host}]" if ":" in settings.host else settings.host,
            port=str(self.port),
            modules=config.load_modules(parts, _MODULES),
            user=config.user_lines(user, group),
            types=quotable(parts.mime_types),
            processes=str(settings.processes),
            threads=str(settings.threads),
            workers=str(settings.processes * settings.threads),
            archive_module=config.archive_module(parts),
            prefix=quotable(settings.prefix, "the prefix"),
            archive=quotable(settings.archive),
            directory=quotable(settings.archive.parent),
        )
