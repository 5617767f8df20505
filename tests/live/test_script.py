"""A script that Apache runs finds what it finds under Python itself, and what run() is told."""

import json
import sys
from pathlib import Path

import pytest
from support.publishing import upload
from support.script import TOLD, running_script
from support.site import at_once, wait_for


@pytest.fixture(scope="module")
def script(module_site):
    with running_script(module_site, TOLD) as running:
        yield running


def test_a_script_is_served(script):
    assert script.text("/hello") == "Hello"


def test_all_threads_of_one_process_answer(script):
    pids = set(at_once([lambda: script.text("/pid")] * 4))
    assert len(pids) == 1 and pids != {str(script.process.pid)}


def test_print_goes_to_the_console(script):
    for number in range(3):
        script.text(f"/print?{number}")
    wait_for("the lines", lambda: "printed: 2" in script.output)
    assert [line for line in script.output if line[:8] == "printed:"] == [
        "printed: 0",
        "printed: 1",
        "printed: 2",
    ]


def test_it_is_not_in_debug_mode(script):
    assert script.text("/debug") == "False"
    script.log.expect(".hwebserver] ")
    answer = script.get("/fail")
    assert answer.status == 500 and "ZeroDivisionError" not in answer.text
    script.wait_for_log("ZeroDivisionError")


# -- as under Python itself ------------------------------------------------------------------------

FACTS = """
import json
import os
import pickle
import sys
import hwebserver

class Thing:
    pass

def facts():
    with open(__file__) as file:
        encoding = file.encoding
    main = sys.modules["__main__"]
    return {
        "argv": sys.argv,
        "orig_argv": sys.orig_argv,
        "path": sys.path,
        "directory": os.getcwd(),
        "executable": sys.executable,
        "names": sorted(name for name in vars(main) if name.startswith("__")),
        "file": __file__,
        "name": __name__,
        "package": __package__,
        "spec": getattr(__spec__, "name", None),
        "parent": getattr(__spec__, "parent", None),
        "loader": type(__loader__).__name__,
        "is_main": main.__dict__ is globals(),
        "pickled": type(pickle.loads(pickle.dumps(Thing()))) is Thing,
        "pythonpath": os.environ.get("PYTHONPATH"),
        "encodings": [sys.getfilesystemencoding(), encoding],
        "assertions": __debug__,
    }

@hwebserver.urlHandler("/facts")
def answer(request):
    return hwebserver.Response(json.dumps([at_start, facts()]))

at_start = facts()
print("facts", json.dumps(at_start), flush=True)
"""


def same_facts(script) -> dict:
    """What the script finds around itself under Python and in Apache: the same."""
    under_python = json.loads(next(line for line in script.output if line[:5] == "facts")[5:])
    at_start, in_handler = json.loads(script.text("/facts"))
    assert at_start == under_python
    in_handler["encodings"] = at_start["encodings"]
    assert in_handler == under_python
    return under_python


def test_a_script_with_arguments(tmp_site):
    with running_script(tmp_site, FACTS, "-x", "a b", "ü") as script:
        facts = same_facts(script)
        assert facts["argv"] == ["script.py", "-x", "a b", "ü"]
        assert facts["is_main"] and facts["pickled"]


def test_a_script_in_another_directory(tmp_site):
    (tmp_site / "sub").mkdir()
    with running_script(tmp_site, FACTS, name="sub/script.py") as script:
        assert same_facts(script)["path"][0] == str(tmp_site / "sub")


def test_a_module(tmp_site):
    package = tmp_site / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    command = (sys.executable, "-m", "pkg.mod")
    with running_script(
        tmp_site, FACTS, "a", name="pkg/mod.py", command=command, given=()
    ) as script:
        facts = same_facts(script)
        assert facts["spec"] == "pkg.mod" and facts["argv"] == [str(package / "mod.py"), "a"]


def test_a_directory_with_main(tmp_site):
    (tmp_site / "app").mkdir()
    with running_script(tmp_site, FACTS, "a", name="app/__main__.py", given=("app",)) as script:
        assert same_facts(script)["argv"] == ["app", "a"]


def test_pythons_options(tmp_site):
    command = (sys.executable, "-O", "-W", "ignore::UserWarning")
    env = {"PYTHONPATH": str(tmp_site)}
    with running_script(tmp_site, FACTS, command=command, env=env) as script:
        assert same_facts(script)["assertions"] is False


def test_argparse_and_a_changed_directory(tmp_site):
    """What the script changes of its surroundings it changes in Apache's process as well."""
    (tmp_site / "data").mkdir()
    (tmp_site / "data/greeting").write_text("Good day")
    source = """
import argparse
import os
import sys
import hwebserver

parser = argparse.ArgumentParser()
parser.add_argument("--directory")
parser.add_argument("name")
options = parser.parse_args()
del sys.argv[1:]
os.chdir(options.directory)

@hwebserver.urlHandler("/")
def answer(request):
    with open("greeting") as file:
        return hwebserver.Response(f"{file.read()}, {options.name}")
"""
    with running_script(tmp_site, source, "--directory", "data", "Ada") as script:
        assert script.text("/") == "Good day, Ada"


def test_the_run_command(tmp_site):
    command = (str(Path(sys.executable).with_name("httpdapy")), "run")
    with running_script(tmp_site, FACTS, "-x", "--", "b", command=command) as script:
        assert same_facts(script)["argv"] == ["script.py", "-x", "--", "b"]


# -- debug, verbosity, limits ----------------------------------------------------------------------


def test_debug(tmp_site):
    with running_script(tmp_site, TOLD, run="debug=True") as script:
        assert script.text("/debug") == "True"
        script.log.expect(".hwebserver] ")
        answer = script.request("GET", "/fail", headers={"Accept": "text/html"})
        assert answer.status == 500 and "ZeroDivisionError" in answer.text
        script.wait_for_log("ZeroDivisionError")
        wait_for(
            "the request on the console", lambda: any("GET /fail" in line for line in script.output)
        )


@pytest.mark.parametrize(
    ("verbosity", "requests", "more"),
    [("Low", False, False), ("Medium", True, False), ("High", True, True)],
)
def test_verbosity(tmp_site, verbosity, requests, more):
    with running_script(
        tmp_site, TOLD, run=f"verbosity=hwebserver.webServerVerbosity.{verbosity}"
    ) as script:
        script.text("/hello")
        script.stop()
        assert any("GET /hello" in line for line in script.output) is requests
        assert any(":info]" in line for line in script.log.lines) is more


def test_max_request_size(tmp_site):
    source = """
import hwebserver

@hwebserver.urlHandler("/")
def answer(request):
    return hwebserver.Response(str(len(request.body())))
"""
    with running_script(tmp_site, source, run="max_request_size=1000") as script:
        assert script.request("POST", "/", b"x" * 1000).text == "1000"
        assert script.request("POST", "/", b"x" * 1001).status == 413


def test_max_in_memory_file_upload_size(tmp_site):
    source = """
import hwebserver

@hwebserver.urlHandler("/")
def answer(request):
    return hwebserver.Response(str(request.files()["file"].isInMemory()))
"""
    with running_script(tmp_site, source, run="max_in_memory_file_upload_size=10") as script:
        for size, in_memory in ((10, "True"), (11, "False")):
            body, headers = upload(b"x" * size)
            assert script.request("POST", "/", body, headers).text == in_memory
