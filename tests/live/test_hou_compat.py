"""hou.webServer outside Houdini, and registerOpdefPath with what stands for Houdini."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.script import running_script

from httpdapy.apache.server import free_port

ONE_WAY = True
LIVE = True

SCRIPT = """
import httpdapy.hwebserver.hou_compat
import hou

@hou.webServer.urlHandler("/main", ports=[0])
def main(request):
    return hou.webServer.Response(f"main {request.portName()}")

@hou.webServer.urlHandler("/default")
def default(request):
    return hou.webServer.Response("default")

@hou.webServer.urlHandler("/everywhere", False, [-1])
def everywhere(request):
    return hou.webServer.Response(f"everywhere {request.portName()}")

@hou.webServer.urlHandler("/number", ports=[NUMBER])
def number(request):
    return hou.webServer.Response(f"number {request.portName()}")

@hou.webServer.apiFunction("ns", ports=[0, NUMBER])
def add(request, a, b):
    return a + b

try:
    hou.registerOpdefPath()
except hou.OperationFailed as error:
    refused = str(error)

@hou.webServer.urlHandler("/refused")
def show(request):
    return hou.webServer.Response(refused)

try:
    hou.node("/obj")
except AttributeError as error:
    lacking = str(error)

@hou.webServer.urlHandler("/lacking")
def show_lacking(request):
    return hou.webServer.Response(lacking)
"""

OPDEF = """
import hwebserver

hwebserver.registerOpdefPath()
hwebserver.registerOpdefPath("/assets/")

@hwebserver.urlHandler("/opdef/here/too")
def handler(request):
    return hwebserver.Response("more components win")
"""

#: Stands for Houdini's.
HOU = """
class OperationFailed(Exception):
    pass

def readBinaryFile(path):
    found = {"opdef:/obj/geo?Help": b"= Geometry =", "opdef:/obj/geo?logo.png": b"PNG"}
    try:
        return found[path]
    except KeyError:
        raise OperationFailed(path)
"""


def test_ports_are_numbers(tmp_site: Path):
    number = free_port("127.0.0.1", 0)
    with running_script(tmp_site, SCRIPT.replace("NUMBER", str(number))) as script:
        assert script.text("/main") == "main main"
        assert script.text("/default") == "default"
        assert script.text("/everywhere") == "everywhere main"
        assert script.get("/number").status == 404
        script.wait_for_port(str(number))
        assert script.ports[str(number)] == number

        def other(path: str) -> str:
            answer = script.request("GET", path, port=str(number))
            assert answer.status in (200, 404)
            return answer.text if answer.status == 200 else ""

        assert other("/number") == f"number {number}"
        assert other("/everywhere") == f"everywhere {number}"
        assert other("/main") == other("/default") == ""
        for port in ("main", str(number)):
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            call = 'json=["ns.add",[1],{"b":2}]'
            assert script.request("POST", "/api", call, form, port=port).text == "3"
        assert "needs Houdini" in script.text("/refused")
        assert script.text("/lacking").startswith("hou.node needs Houdini; outside of it")


def test_the_number_of_the_main_port_is_the_main_port(tmp_site: Path):
    number = free_port("127.0.0.1", 0)
    source = SCRIPT.replace("NUMBER", str(number)) + (
        "\ndef announce(name, port):\n    print('port', name, port, flush=True)\n"
        f"hou.webServer.run({number}, port_callback=announce)\n"
    )
    with running_script(tmp_site, source, run=None) as script:
        assert script.ports == {"main": number}
        assert script.text("/number") == "number main"


def python(directory: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("loaded", ["import hou; ", ""])
def test_a_real_hou_is_not_shadowed(tmp_path: Path, loaded: str):
    (tmp_path / "hou.py").write_text("is_real = True\n")
    code = f"{loaded}import httpdapy.hwebserver.hou_compat, hou; print(hou.is_real)"
    assert python(tmp_path, code) == "True"


def test_importing_hwebserver_alone_makes_no_hou(tmp_path: Path):
    code = "import hwebserver, sys; print('hou' in sys.modules)"
    assert python(tmp_path, code) == "False"


def test_names_that_belong_to_it(tmp_path: Path):
    code = (
        "import httpdapy.hwebserver.hou_compat, hou, hwebserver as h\n"
        "print(all(hasattr(hou.webServer, name) for name in h.__all__), hou.isUIAvailable(),\n"
        "      hou.OperationFailed is h.OperationFailed, hou.WebServerRequest is h.Request,\n"
        "      hou.WebServerResponse is h.Response, hou.WebServerUploadedFile is h.UploadedFile)"
    )
    assert python(tmp_path, code) == "True False True True True True"


def test_sections_of_assets(tmp_site: Path):
    (tmp_site / "hou.py").write_text(HOU)
    with running_script(tmp_site, OPDEF) as script:
        for prefix in ("/opdef", "/assets"):
            help_page = script.get(f"{prefix}/obj/geo?Help")
            assert (help_page.status, help_page.text) == (200, "= Geometry =")
            assert help_page.type.startswith("text/plain")
            assert script.get(f"{prefix}/obj/geo?logo.png").type == "image/png"
            assert script.get(f"{prefix}/obj/geo?None").status == 404
            assert script.get(f"{prefix}/obj/none?Help").status == 404
        assert script.text("/opdef/here/too") == "more components win"


def test_without_houdini_there_are_no_assets(tmp_site: Path):
    script = running_script(tmp_site, OPDEF)
    with pytest.raises(AssertionError, match="registerOpdefPath needs Houdini"), script:
        pass


USES_HOU = """
import sys
import hou

@hou.webServer.urlHandler("/")
def show(request):
    return hou.webServer.Response(f"{__name__} {sys.argv[1:]} {sys.path[0]}")
"""
COMMAND = (str(Path(sys.executable).parent / "httpdapy"), "run", "--hou")


def test_the_command_gives_hou(tmp_site: Path):
    with running_script(tmp_site, USES_HOU, "--hou", "2", command=COMMAND) as script:
        assert script.text("/") == f"__main__ ['--hou', '2'] {tmp_site}"


def test_the_command_gives_hou_to_a_module(tmp_site: Path):
    (tmp_site / "package").mkdir()
    source = USES_HOU + (
        "import hwebserver\n"
        "def announce(name, port):\n    print('port', name, port, flush=True)\n"
        "hwebserver.run(0, port_callback=announce)\n"
    )
    (tmp_site / "package/site.py").write_text(source)
    command = (*COMMAND, "-m")
    with running_script(tmp_site, "", name="package.site", run=None, command=command) as script:
        assert script.text("/") == f"__main__ [] {tmp_site}"
