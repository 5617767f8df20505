"""Apache configuration for directories and archives whose files answer for URLs, beside handlers in
Python.

Of all that have a URL's path the one with most components of it answers; of equal ones Python, then
directories.  Apache takes the first Alias that fits, so they are in this order.  ArchiveAlias goes
by components itself; what it cannot see, since AliasMatch has patterns, is said by a variable.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .templates import quotable, render

#: Characters that stand for themselves in a pattern, between quotes.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_-")


@dataclass(frozen=True, slots=True)
class Place:
    """What answers at a path, without a slash at its end.

    is_prefix: below it as well.
    is_async: on the event loop.
    directories: those whose files do; none: Python does.
    """

    path: str
    is_prefix: bool = True
    is_async: bool = False
    directories: tuple[Path, ...] = ()

    @property
    def depth(self) -> int:
        """How many components the path has."""
        return self.path.count("/")

    @property
    def pattern(self) -> str:
        """What matches the URLs, %xx decoded."""
        end = "(/|$)" if self.is_prefix else "/?$"
        return f"^{_pattern(self.path)}{end}"


def mounts(
    routes: Iterable[tuple[str, bool, bool]],
    directories: Iterable[tuple[str, Path]],
    *,
    answers: Path,
    script: Path | None,
    archives: Iterable[tuple[str, Path]] = (),
) -> str:
    """The lines for *directories* and *archives*, each with its path, and for handlers on the event
    loop, beside *routes*: paths of handlers, whether they are prefixes, and whether they run on the
    loop.

    Of directories at one path the first that has the file is taken, and so it is of archives.  What
    an archive has not is left to what else has the path.
    answers: the file that stands for all handlers, that of asynchronous() for those on the loop;
    the lines that map the rest to it come after.
    script: the file whose text must not be sent, if there is one.
    """
    served: dict[str, list[Path]] = {}
    for path, directory in directories:
        served.setdefault(_trimmed(path), []).append(directory)
    handlers = {(_trimmed(path), is_prefix): is_async for path, is_prefix, is_async in routes}
    of_python = {path for path, is_prefix in handlers if is_prefix}
    zips = [(_trimmed(path), file) for path, file in archives]
    zips = [(path, file) for path, file in zips if path not in of_python]
    if not served and not zips and True not in handlers.values():
        return ""
    places = [Place(*where, is_async) for where, is_async in handlers.items()]
    places += [Place(path, directories=tuple(found)) for path, found in served.items()]
    places.sort(key=lambda place: (-place.depth, bool(place.directories), place.is_prefix))
    lines = ["LogLevel alias:error"]  # which warns of paths below others
    lines += _rewrites(places, {path for path, _ in zips})
    lines += [_alias(place, answers) for place in places]
    lines += [f'ArchiveAlias "{_quoted(path) or "/"}" "{quotable(file)}"' for path, file in zips]
    roots = dict.fromkeys(directory for found in served.values() for directory in found)
    lines += [render("mount", directory=quotable(directory)) for directory in roots]
    files = dict.fromkeys(file for _, file in zips if file.parent not in roots)
    parents = dict.fromkeys(file.parent for file in files)
    lines += [_archives(parent, [f for f in files if f.parent == parent]) for parent in parents]
    if script is not None and any(script.is_relative_to(directory) for directory in roots):
        lines.append(_denied(script))
    return "\n".join(lines)


def asynchronous(answers: Path) -> Path:
    """The file that stands for handlers on the event loop, beside *answers* for all others."""
    return answers.with_name(f"{answers.name}-async")


def _trimmed(path: str) -> str:
    return "".join(f"/{part}" for part in path.split("/") if part)


def _alias(place: Place, answers: Path) -> str:
    if not place.directories:
        answers = asynchronous(answers) if place.is_async else answers
        return f'AliasMatch "{place.pattern}" "{quotable(answers)}"'
    directory = quotable(place.directories[0]).rstrip("/")
    end = "" if place.path and directory else "/"
    return f'Alias "{_quoted(place.path)}{end}" "{directory}{end}"'


def _rewrites(places: Sequence[Place], archives: Collection[str]) -> list[str]:
    """Lines that look which directory has a file, if several are at one path; what comes before
    them in order is left to the aliases.

    archives: their paths.  Where these have places at or below them whose components Apache's
    ArchiveAlias does not know, the lines say how many an archive needs to come before.
    """
    lines: list[str] = []
    has_several = any(len(place.directories) > 1 for place in places)
    for place in places:
        flags = "L"
        if any(f"{place.path}/".startswith(f"{path}/") for path in archives):
            flags = f"L,E=httpdapy.depth:{place.depth + 1}"
        for directory in place.directories if len(place.directories) > 1 else ():
            file = quotable(directory).replace("$", "\\$").replace("%", "\\%") + "/$1"
            lines.append(f'RewriteCond "{file}" -f')
            lines.append(f'RewriteRule "^{_pattern(place.path)}/(.+)$" "{file}" [{flags}]')
        if has_several or (flags != "L" and not place.directories):
            flags = "L" if place.directories else flags
            lines.append(f'RewriteRule "{place.pattern}" - [{flags}]')
    return ["RewriteEngine On", *lines] if lines else []


def _archives(directory: Path, files: Iterable[Path]) -> str:
    patterns = "|".join(_pattern(str(file)) for file in files)
    return render("archive", directory=quotable(directory), archives=patterns)


def _denied(script: Path) -> str:
    return (
        f'<Directory "{quotable(script.parent)}">\n    <FilesMatch "^{_pattern(script.name)}$">\n'
        "        Require all denied\n    </FilesMatch>\n</Directory>\n"
    )


def _pattern(text: str) -> str:
    """A pattern for *text* that holds no character with a meaning in the configuration."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"\\x{byte:02x}" for byte in text.encode())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
