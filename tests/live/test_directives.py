"""PythonOption, PythonInterpreter and PythonReplicas: where they may stand and how they merge."""

import pytest
from support.httpd import Httpd, configtest
from support.site import Site

# without the option that the tests set themselves, to go the WSGI way
SHOW = "repr((sorted(self.req.options.items() - {('direct', '0')}), self.req.interpreter))"


def shown(site, path: str = "page.py"):
    options, interpreter = eval(site.text(path))
    return dict(options), interpreter


def test_htaccess_inherits_and_overrides(site: Site):
    """Decision 27: option by option."""
    site.htaccess("PythonOption a 1", "PythonOption B 2", "PythonOption a 3")
    inner = site.sub("inner")
    inner.htaccess("PythonOption b 4", 'PythonOption c "five six"')
    deeper = inner.sub("deeper")
    for each in (site, inner, deeper):
        each.handler("page.py", SHOW)
    assert shown(site)[0] == {"a": "3", "B": "2"}
    assert shown(inner)[0] in (
        {"a": "3", "B": "4", "c": "five six"},
        {"a": "3", "b": "4", "c": "five six"},
    )
    assert shown(deeper)[0] == shown(inner)[0]


def test_files_section(site: Site):
    site.htaccess(
        "PythonOption a 1",
        "<Files b.py>",
        "PythonOption a 2",
        "PythonInterpreter other",
        "</Files>",
    )
    for name in ("a.py", "b.py"):
        site.handler(name, SHOW)
    assert shown(site, "a.py") == ({"a": "1"}, str(site.path))
    assert shown(site, "b.py") == ({"a": "2"}, "other")


def test_the_servers_own_sections(tmp_site):
    """Server config, <Directory>, <Location>, <Files>: the later in this order wins."""
    root = tmp_site
    (root / "d").mkdir()
    for name in ("page.py", "d/page.py", "d/other.py"):
        (root / name).write_text(
            "import httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
            f"    def Content(self): return {SHOW}\n"
        )
    (root / "d/.htaccess").write_text("PythonOption htaccess 1\nPythonOption who htaccess\n")
    sections = f"""
        PythonOption server 1
        PythonOption who server
        <Directory "{root}/d">
            PythonOption directory 1
            PythonOption who directory
        </Directory>
        <Files other.py>
            PythonOption who files
        </Files>
        <Location "/d/">
            PythonOption location 1
            PythonInterpreter by-location
        </Location>
    """
    with Httpd(root, sections) as httpd:
        assert shown(httpd) == ({"server": "1", "who": "server"}, str(root))
        everywhere = {"server": "1", "directory": "1", "htaccess": "1", "location": "1"}
        assert shown(httpd, "d/page.py") == ({**everywhere, "who": "htaccess"}, "by-location")
        assert shown(httpd, "d/other.py") == ({**everywhere, "who": "files"}, "by-location")


def test_virtual_hosts_merge(tmp_site):
    (tmp_site / "page.py").write_text(
        "import httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        f"    def Content(self): return {SHOW}\n"
    )
    sections = """
        PythonOption who main
        PythonOption main 1
        <VirtualHost *:${PORT}>
            ServerName one
            PythonOption who one
        </VirtualHost>
        <VirtualHost *:${PORT}>
            ServerName two
            PythonInterpreter two
        </VirtualHost>
    """
    with Httpd(tmp_site, sections) as httpd:
        one = eval(httpd.get("page.py", Host="one").text)
        two = eval(httpd.get("page.py", Host="two").text)
    assert (dict(one[0]), one[1]) == ({"who": "one", "main": "1"}, str(tmp_site))
    assert (dict(two[0]), two[1]) == ({"who": "main", "main": "1"}, "two")


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event"])
def test_every_mpm(tmp_site, mpm: str):
    (tmp_site / "data.txt").write_text("here")
    (tmp_site / "page.py").write_text(
        "import httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self): return open('data.txt').read() + self.req.interpreter\n"
    )
    with Httpd(tmp_site, "PythonReplicas auto", mpm=mpm) as httpd:
        assert httpd.text("page.py").startswith(f"here{tmp_site}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("PythonOption", "PythonOption takes two arguments"),
        ("PythonOption a", "PythonOption takes two arguments"),
        ("PythonOption a b c", "PythonOption takes two arguments"),
        ("PythonInterpreter", "PythonInterpreter takes one argument"),
        ("PythonInterpreter %{HOST}", "the name begins with %"),
        ("PythonInterpreter a//1", "the name contains //"),
        (f"PythonInterpreter {'x' * 256}", "longer than 255 bytes"),
        ("PythonReplicas 0", "takes a number from 1 to 256, or auto, not '0'"),
        ("PythonReplicas -1", "takes a number from 1 to 256, or auto, not '-1'"),
        ("PythonReplicas 257", "takes a number from 1 to 256, or auto, not '257'"),
        ("PythonReplicas 2x", "takes a number from 1 to 256, or auto, not '2x'"),
        ("PythonReplicas 99999999999999999999", "takes a number from 1 to 256"),
        ("PythonReplicas many", "takes a number from 1 to 256, or auto, not 'many'"),
    ],
)
def test_wrong_arguments(tmp_site, line: str, message: str):
    """Apache's usual error, with file and line."""
    status, output = configtest(tmp_site, f"\n\n{line}\n")
    assert status != 0 and message in output
    assert "Syntax error on line 3 of" in output and "sections.conf" in output


@pytest.mark.parametrize("line", ["PythonOption a 1", "PythonInterpreter x", "PythonReplicas 2"])
@pytest.mark.parametrize(
    ("override", "allowed"),
    [("FileInfo", True), ("All", True), ("AuthConfig Limit Indexes Options", False)],
)
def test_override_class(tmp_site, line: str, override: str, allowed: bool):
    """Decision 28: FileInfo."""
    (tmp_site / "page.py").write_text("from httpdapi import RequestHandler\n")
    (tmp_site / ".htaccess").write_text(f"{line}\n")
    section = f'<Directory "{tmp_site}">\nAllowOverride {override}\n</Directory>\n'
    with Httpd(tmp_site, section) as httpd:
        answer = httpd.get("page.py")
        assert answer.status == (200 if allowed else 500)
        if not allowed:
            httpd.log.expect("not allowed here")


def test_without_the_entry_script_nothing_is_sent(tmp_site):
    """A half-configured server: the link is there, mod_wsgi does not know the script."""
    (tmp_site / "page.py").write_text("SECRET = 1\n")
    with Httpd(tmp_site, entry=False) as httpd:
        httpd.log.expect("HDPY0008")
        answer = httpd.get("page.py")
    assert answer.status == 500 and "SECRET" not in answer.text


def test_handler_that_does_not_exist_is_named_in_the_log(site: Site):
    site.htaccess("SetHandler python-program", "PythonOption handler nosuch")
    site.log.expect("PythonOption handler nosuch: there is no module nosuch")
    assert site.get("any").status == 404


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}


@pytest.mark.parametrize(
    ("headers", "status", "said"), [(UPGRADE, 500, "HDPY0016"), ({}, 503, "HDPY0017")]
)
def test_a_python_socket_that_nobody_answers(tmp_site, headers, status: int, said: str):
    """Or that no WebSocket reaches, without the modules of Apache that carry it."""
    (tmp_site / "page.py").touch()
    section = f'<Files page.py>\nPythonSocket "{tmp_site}/none.sock"\n</Files>'
    with Httpd(tmp_site, section) as httpd:
        httpd.log.expect(said)
        assert httpd.get("page.py", **headers).status == status
