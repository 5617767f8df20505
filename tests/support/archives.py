"""Zip archives for the tests, and an Apache that serves them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from .httpd import Httpd

#: Text that takes some work to pack.
TEXT = "".join(f"{n}: the quick brown fox jumps over the lazy dog\n" for n in range(400))


def write_zip(
    path: Path, members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    """An archive of *members*, under another name first: it is renamed when it is complete."""
    new = path.with_name(f"{path.name}.new")
    with zipfile.ZipFile(new, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    new.chmod(0o644)
    new.replace(path)
    return path


def archive_httpd(site: Path, sections: str, **how) -> Httpd:
    """An Apache with *sections*, where {site} is the site."""
    return Httpd(site, sections.replace("{site}", str(site)), **how)
