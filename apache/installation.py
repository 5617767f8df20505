"""Where Apache, mod_wsgi and our own parts are on this machine."""

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .errors import ConfigError

_BUILD = "run 'make build' in Httpdapy's checkout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The parts a server is made of.  Every path exists.

    archive: None where there were no headers of zlib to make it with.
    """

    httpd: Path
    modules: Path  #: directory of Apache's modules
    wsgi: Path  #: mod_wsgi for this Python
    link: Path  #: mod_httpdapy.so
    archive: Path | None  #: mod_httpdapy_archive.so
    entry: Path  #: the script that mod_wsgi runs
    home: Path  #: the virtual environment
    mime_types: Path  #: content types by the ends of names
    libraries: str  #: directory of Apache's own libraries, "" when the system has them

    def environment(self) -> dict[str, str]:
        """Our environment, as httpd needs it."""
        needed = {"LD_LIBRARY_PATH": self.libraries} if self.libraries else {}
        return {**os.environ, **needed}


def find() -> Installation:
    """The installation of the Python that runs.  Raises ConfigError for a part that is missing."""
    if importlib.util.find_spec("mod_wsgi") is None:
        raise ConfigError(f"mod_wsgi is not installed for {sys.executable}; {_BUILD}")
    from mod_wsgi.express import apxs_config
    from mod_wsgi.express.platform import MOD_WSGI_SO, find_mimetypes

    httpd = os.environ.get("HTTPD") or shutil.which(apxs_config.HTTPD, path=_program_path())
    if not httpd or not Path(httpd).is_file():
        raise ConfigError(
            f"Apache is not here ({apxs_config.HTTPD}); install it, on Debian and Ubuntu with "
            f"'apt-get install apache2 apache2-dev', or {_BUILD}"
        )
    archive = Path(sys.prefix) / "lib" / "mod_httpdapy_archive.so"
    parts = Installation(
        httpd=Path(httpd),
        modules=Path(apxs_config.LIBEXECDIR),
        wsgi=Path(MOD_WSGI_SO),
        link=Path(sys.prefix) / "lib" / "mod_httpdapy.so",
        archive=archive if archive.exists() else None,
        entry=Path(__file__).resolve().parent / "entry.wsgi",
        home=Path(sys.prefix),
        mime_types=Path(find_mimetypes()),
        libraries=apxs_config.SHLIBPATH,
    )
    for path in (parts.modules, parts.wsgi, parts.link, parts.entry):
        if not path.exists():
            raise ConfigError(f"{path} is missing; {_BUILD}")
    return parts


def _program_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
