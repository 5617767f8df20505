"""The order of directories and handlers in Apache's configuration."""

import re
from pathlib import Path

import pytest

from httpdapy.apache.errors import ConfigError
from httpdapy.apache.mounts import mounts

SCRIPT = Path("/app/script.py")


def lines(routes=(), directories=(), archives=()) -> list[str]:
    text = mounts(
        [(path, is_prefix, False) for path, is_prefix in routes],
        [(path, Path(directory)) for path, directory in directories],
        answers=Path("/app/.hwebserver"),
        script=SCRIPT,
        archives=[(path, Path(file)) for path, file in archives],
    )
    return [line for line in text.splitlines() if line.startswith(("Alias", "Archive", "Rewrite"))]


def test_without_directories_there_is_nothing_to_say():
    assert lines([("/", True)]) == []


def test_more_components_come_first_and_of_equal_ones_python():
    assert lines(
        [("/", True), ("/a", False), ("/a/b/c", True), ("/x", True)],
        [("/a//b/", "/1"), ("/x", "/2"), ("/", "/3")],
    ) == [
        'AliasMatch "^/a/b/c(/|$)" "/app/.hwebserver"',
        'Alias "/a/b" "/1"',
        'AliasMatch "^/a/?$" "/app/.hwebserver"',
        'AliasMatch "^/x(/|$)" "/app/.hwebserver"',
        'Alias "/x" "/2"',
        'AliasMatch "^(/|$)" "/app/.hwebserver"',
        'Alias "/" "/3/"',
    ]


def test_archives_are_told_what_they_need_to_come_before_python():
    assert lines(
        [("/", True), ("/zip/page", False), ("/zip/deep", True), ("/x", True)],
        archives=[("/zip/", "/a.zip"), ("/zip", "/b.zip"), ("/zip/deep/er", "/c.zip")],
    ) == [
        "RewriteEngine On",
        'RewriteRule "^/zip/page/?$" - [L,E=httpdapy.depth:3]',
        'RewriteRule "^/zip/deep(/|$)" - [L,E=httpdapy.depth:3]',
        'AliasMatch "^/zip/page/?$" "/app/.hwebserver"',
        'AliasMatch "^/zip/deep(/|$)" "/app/.hwebserver"',
        'AliasMatch "^/x(/|$)" "/app/.hwebserver"',
        'AliasMatch "^(/|$)" "/app/.hwebserver"',
        'ArchiveAlias "/zip" "/a.zip"',
        'ArchiveAlias "/zip" "/b.zip"',
        'ArchiveAlias "/zip/deep/er" "/c.zip"',
    ]


def test_python_has_the_whole_path_of_an_archive_at_the_same():
    assert lines([("/zip", True)], archives=[("/zip/", "/a.zip")]) == []


def test_files_of_several_directories_come_before_an_archive_at_their_path():
    found = lines([], [("/a", "/one"), ("/a", "/two")], [("/a", "/a.zip"), ("/", "/b.zip")])
    assert found == [
        "RewriteEngine On",
        'RewriteCond "/one/$1" -f',
        'RewriteRule "^/a/(.+)$" "/one/$1" [L,E=httpdapy.depth:2]',
        'RewriteCond "/two/$1" -f',
        'RewriteRule "^/a/(.+)$" "/two/$1" [L,E=httpdapy.depth:2]',
        'RewriteRule "^/a(/|$)" - [L]',
        'Alias "/a" "/one"',
        'ArchiveAlias "/a" "/a.zip"',
        'ArchiveAlias "/" "/b.zip"',
    ]


def test_the_root_directory():
    assert lines([], [("/files", "/")]) == ['Alias "/files/" "/"']


def test_of_directories_at_one_path_the_first_that_has_the_file():
    found = lines([("/a/page", False)], [("/a", "/one"), ("/a", "/two $1 %{x}")])
    assert [line for line in found if line.startswith("Rewrite")] == [
        "RewriteEngine On",
        'RewriteRule "^/a/page/?$" - [L]',
        'RewriteCond "/one/$1" -f',
        'RewriteRule "^/a/(.+)$" "/one/$1" [L]',
        'RewriteCond "/two \\$1 \\%{x}/$1" -f',
        'RewriteRule "^/a/(.+)$" "/two \\$1 \\%{x}/$1" [L]',
        'RewriteRule "^/a(/|$)" - [L]',
    ]


@pytest.mark.parametrize("path", ['/a" "/etc', "/a\nb", "/${HOME}", "/ü(.*)[x]\\", "/%{y}$1"])
def test_no_character_of_a_path_has_a_meaning(path: str):
    (alias, _) = lines([(path, False)], [("/", "/files")])
    pattern = re.fullmatch(r'AliasMatch "(\S+)" "/app/.hwebserver"', alias)[1]
    assert re.search(pattern.encode(), path.encode())
    assert not re.search(pattern.encode(), b"/a")


def test_a_directory_that_the_configuration_cannot_hold_is_named():
    with pytest.raises(ConfigError, match=re.escape('/o"dd')):
        lines([], [("/a", '/o"dd')])


def test_the_script_is_denied_where_a_directory_has_it():
    def text(directory: str) -> str:
        mounted = [("/a", Path(directory))]
        return mounts([], mounted, answers=Path("/app/.hwebserver"), script=SCRIPT)

    assert '<FilesMatch "^script\\x2epy$">' in text("/app") and "FilesMatch" in text("/")
    assert "FilesMatch" not in text("/app/files")
