"""Which interpreter a request runs in, and how many there are."""

import pytest
from support.site import Site, at_once, running_server

STAMP = "import time\nSTAMP = time.time_ns()"
NAME = "self.req.interpreter"


def test_two_directories_make_one_interpreter_each():
    """The table of a process is keyed by the name, not by where a request keeps its string."""
    with running_server(processes=1, threads=8) as server:
        a, b = Site(server, "a"), Site(server, "b")
        for each in (a, b):
            each.handler("stamp.py", "f'{sys.stamp} {os.getpid()}'", STAMP + _STAMP_IN_SYS)
        answers = at_once(
            [lambda each=each: [each.text("stamp.py") for _ in range(75)] for each in [a, b] * 4]
        )
        stamps_a = {text for answer in answers[0::2] for text in answer}
        stamps_b = {text for answer in answers[1::2] for text in answer}
        assert len(stamps_a) == 1 and len(stamps_b) == 1 and stamps_a != stamps_b


_STAMP_IN_SYS = "\nimport os, sys\nsys.stamp = getattr(sys, 'stamp', STAMP)"


def test_replicas_bound_the_interpreters():
    with running_server(processes=1, threads=8) as server:
        site = Site(server, "r")
        site.htaccess("PythonReplicas 3")
        site.handler("stamp.py", f"(time.sleep(.01), {NAME})[1]", "import time")
        # connections at once, so that several threads are busy
        names = {n for r in at_once([lambda: [site.text("stamp.py")] * 1] * 24) for n in r}
        for _ in range(20):
            names |= set(at_once([lambda: site.text("stamp.py")] * 8))
        base = str(site.path)
        assert names == {base, f"{base}//1", f"{base}//2"}


def test_name_is_the_canonical_directory(site: Site):
    """Decision 1: also through links.  Decision 2: without a slash at its end."""
    real = site.sub("real")
    real.handler("name.py", NAME)
    (site.path / "alias").symlink_to(real.path)
    assert site.text("real/name.py") == str(real.path)
    assert site.text("alias/name.py") == str(real.path)
    assert site.text("real//name.py") == str(real.path)


def test_a_linked_script_runs_where_the_link_is(site: Site):
    site.handler("lib/name.py.txt", NAME)
    (site.path / "name.py").symlink_to(site.path / "lib/name.py.txt")
    assert site.text("name.py") == str(site.path)


@pytest.mark.parametrize("name", ["main_interpreter", "global_interpreter"])
def test_main_interpreter(site: Site, name: str):
    """Decision 25: two names mean it."""
    site.htaccess(f"PythonInterpreter {name}", "PythonReplicas 4")
    site.handler("name.py", f"repr({NAME})")
    assert site.text("name.py") == "''"


def test_interpreter_is_inherited_and_overridden(site: Site):
    site.htaccess(f"PythonInterpreter {site.name}")
    inner = site.sub("inner")
    own = inner.sub("own")
    own.htaccess(f"PythonInterpreter {site.name}-own")
    for each in (inner, own):
        each.handler("name.py", NAME)
    assert inner.text("name.py") == site.name
    assert own.text("name.py") == f"{site.name}-own"


def test_names_that_are_not_there_make_no_interpreters(site: Site):
    """Scanning for scripts must not fill the memory with interpreters."""
    empty = [site.sub(f"d{n}") for n in range(5)]
    site.handler("count.py", "str(len(_interpreters.list_all()))", IMPORT_INTERPRETERS)
    before = int(site.text("count.py"))
    site.log.allow("AH01630: client denied")  # .py is a hidden file
    for each in empty:
        for name in ("x.py", "index.py", "x.y.py", "os.py", ".py", "__init__.py/x"):
            assert each.get(name).status in (403, 404)
    assert int(site.text("count.py")) == before


IMPORT_INTERPRETERS = """
try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as _interpreters
"""


def test_forged_headers_change_nothing(site: Site):
    site.htaccess("PythonOption colour red", "PythonOption debug 0")
    site.handler("page.py", f"self.pb['colour'] + ' ' + {NAME} + ' ' + self.req.directory")
    expected = f"red {site.path} {site.path}"
    assert site.text("page.py") == expected
    forged = {
        name: value
        for name, value in {
            "httpdapy.settings": "colour\nblue\n",
            "Httpdapy.Options": "debug",
            "httpdapy.interpreter": "forged",
            "HTTPDAPY_INTERPRETER": "forged",
            "httpdapy-interpreter": "forged",
            "httpdapy.directory": "/etc",
            "httpdapy.stamp": "0 0 0",
            "Httpdapy-Document": "forged",
            "Httpdapy-Report": "",
            "mod_wsgi.application_group": "forged",
            "Colour": "blue",
        }.items()
        if "\n" not in value
    }
    answer = site.request("GET", "page.py", headers=forged)
    assert (answer.status, answer.text) == (200, expected)
    assert "Httpdapy" not in str(answer.headers)


def test_environment_set_in_htaccess_changes_nothing(site: Site):
    """SetEnv writes into the same table as the link, but earlier."""
    site.htaccess(
        "PythonOption colour red",
        'SetEnv httpdapy.settings "colour"',
        "SetEnv httpdapy.interpreter forged",
        "SetEnv httpdapy.stamp x",
    )
    site.handler("page.py", f"self.pb['colour'] + ' ' + {NAME} + ' ' + self.req.directory")
    assert site.text("page.py") == f"red {site.path} {site.path}"


def test_the_inner_handler_cannot_be_asked_for(site: Site):
    site.htaccess("SetHandler httpdapy-run")
    site.write("page.py", "SECRET = 1")
    site.log.expect("HDPY0007")
    answer = site.get("page.py")
    assert answer.status == 500 and "SECRET" not in answer.text


def test_working_directories_of_many_threads():
    """open() finds the file beside the script, whatever the other threads do. (Decision 16)"""
    with running_server(processes=1, threads=8) as server:
        sites = [Site(server, f"d{n}") for n in range(8)]
        for n, each in enumerate(sites):
            each.write("data.txt", str(n))
            each.handler(
                "page.py",
                "''.join((time.sleep(.001), open('data.txt').read())[1] for _ in range(20))",
                "import time",
            )
            assert each.text("page.py") == str(n) * 20

        def ask(n: int) -> list[str]:
            return [sites[n].text("page.py") for _ in range(10)]

        for n, texts in enumerate(at_once([lambda n=n: ask(n) for n in range(8)])):
            assert set(texts) == {str(n) * 20}
        server.settle()
        server.log.check()


def test_a_directory_that_cannot_be_entered(site: Site):
    inner = site.sub("inner")
    inner.handler("page.py", "'x'")
    inner.path.chmod(0o600)
    try:
        answer = inner.get("page.py")
    finally:
        inner.path.chmod(0o755)
    site.log.expect("AH00529")  # Apache looks for .htaccess there, and says so first
    assert answer.status == 403
