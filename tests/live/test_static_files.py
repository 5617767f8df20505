"""StaticFiles On, in a configuration of one's own."""

from pathlib import Path

import pytest
from support.httpd import Httpd, configtest

ONE_WAY = True

SECTIONS = """
Alias "/files" "{site}/current"
<Directory "{site}/current">
    StaticFiles On
</Directory>
<Directory "{site}/current/open">
    StaticFiles Off
</Directory>
"""


@pytest.fixture
def site(tmp_site: Path) -> Path:
    files = tmp_site / "release"
    (files / "open").mkdir(parents=True)
    (tmp_site / "current").symlink_to("release")
    (tmp_site / "outside.txt").write_text("outside")
    (files / "a.txt").write_text("a")
    (files / "inside").symlink_to(files / "a.txt")
    (files / "page.py").write_text(
        "import httpdapi\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n        return 'run'\n"
    )
    for directory in (files, files / "open"):
        (directory / "outside").symlink_to(tmp_site / "outside.txt")
    return tmp_site


def test_what_is_sent(site: Path):
    with Httpd(site, SECTIONS.format(site=site)) as httpd:
        assert httpd.text("files/a.txt") == httpd.text("files/inside") == "a"
        assert httpd.text("files/page.py") == "run"
        assert httpd.text("files/open/outside") == "outside"
        assert httpd.get("files/").status == httpd.get("files/none").status == 404
        assert httpd.get("files/outside").status == 403


def test_a_file_that_has_moved_outside_is_looked_at_again(site: Path):
    file = site / "release/a.txt"
    with Httpd(site, SECTIONS.format(site=site)) as httpd:
        assert httpd.text("files/a.txt") == "a"
        file.rename(site / "moved.txt")
        file.symlink_to(site / "moved.txt")
        assert httpd.get("files/a.txt").status == 403
        file.unlink()
        (site / "moved.txt").rename(file)
        assert httpd.text("files/a.txt") == "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "<Location /x>\nStaticFiles On\n</Location>",
            "StaticFiles stands in a <Directory> section",
        ),
        ('<Directory "/none">\nStaticFiles On\n</Directory>', "/none: No such file or directory"),
        ("StaticFiles On", "not allowed here"),
    ],
)
def test_configuration(tmp_site: Path, text: str, said: str):
    status, output = configtest(tmp_site, text)
    assert status and said in output
