"""CORS_ORIGIN_WHITELIST: web pages of listed origins read all answers, those of others none."""

import json

import pytest
from support.browser import served
from support.script import Script, running_script
from support.site import Answer

#: In the background of a script, too.
LIVE = True

LISTED = "https://listed.example"
OTHER = "https://other.example"

SOURCE = """
import sys

import hwebserver
from hwebserver import Response

@hwebserver.apiFunction()
def echo(request, value):
    return value

@hwebserver.apiFunction()
def refuse(request):
    raise hwebserver.APIError("no")

@hwebserver.apiFunction()
def fail(request):
    1 / 0

@hwebserver.apiFunction()
def upload(request, data):
    return [data.name(), data.size()]

@hwebserver.apiFunction()
def binary(request):
    return bytes(range(256))

@hwebserver.urlHandler("/page")
def page(request):
    response = Response(request.method())
    response.setHeader("Vary", "Accept")
    return response

@hwebserver.urlHandler("/own")
def own(request):
    response = Response("own")
    response.setHeader("Access-Control-Allow-Origin", "*")
    return response

@hwebserver.urlHandler("/page", ports=["closed"])
def closed(request):
    return Response("closed")

hwebserver.registerStaticFilesDirectory("static")
hwebserver.setSettingsForPort({"CORS_ORIGIN_WHITELIST": sys.argv[1:]}, "main")
hwebserver.setSettingsForPort({"PORT": 0}, "closed")
"""


@pytest.fixture(scope="module")
def static(module_site):
    directory = module_site / "static"
    directory.mkdir()
    directory.chmod(0o755)
    file = directory / "file.txt"
    file.write_text("static")
    file.chmod(0o644)
    return module_site


@pytest.fixture(scope="module")
def script(static):
    with running_script(static, SOURCE, "https://first.example", LISTED) as running:
        running.log.allow("")
        yield running


def ask(script: Script, method: str, path: str, origin: str | None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if origin is not None:
        named["Origin"] = origin
    if method == "POST":
        named["Content-Type"] = "application/x-www-form-urlencoded"
    return script.request(method, path, "cmd_function=" if method == "POST" else None, named)


def access_control(answer: Answer) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-")
    }


ANSWERS = [
    ("GET", "/page", 200),
    ("PUT", "/page", 200),
    ("POST", "/api", 404),
    ("GET", "/api", 405),
    ("GET", "/static/file.txt", 200),
    ("GET", "/static/missing.txt", 404),
    ("GET", "/nowhere", 404),
    ("GET", "/%zz", 400),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_listed_origins(script: Script, method: str, path: str, status: int):
    answer = ask(script, method, path, LISTED)
    assert answer.status == status
    assert access_control(answer) == {"access-control-allow-origin": LISTED}
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [LISTED]


@pytest.mark.parametrize("origin", [OTHER, f"{LISTED}:444", f"{LISTED}.example", "null", None])
@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_others(script: Script, method: str, path: str, status: int, origin: str | None):
    answer = ask(script, method, path, origin)
    assert answer.status == status
    assert access_control(answer) == {}
    assert "Origin" in answer.headers["Vary"]


def test_vary_has_all(script: Script):
    vary = ", ".join(ask(script, "GET", "/page", LISTED).headers.get_all("Vary"))
    assert {name.strip() for name in vary.split(",")} == {"Origin", "Accept"}


@pytest.mark.parametrize("path", ["/page", "/api", "/static/file.txt", "/nowhere"])
def test_preflight(script: Script, path: str):
    asked = {
        "Access_Control_Request_Method": "PUT",
        "Access_Control_Request_Headers": "content-type, x-token",
    }
    answer = ask(script, "OPTIONS", path, LISTED, **asked)
    assert (answer.status, answer.body) == (204, b"")
    assert access_control(answer) == {
        "access-control-allow-origin": LISTED,
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "content-type, x-token",
        "access-control-max-age": "600",
    }
    answer = ask(script, "OPTIONS", path, OTHER, **asked)
    assert access_control(answer) == {}


def test_options_that_is_no_preflight(script: Script):
    answer = ask(script, "OPTIONS", "/page", LISTED)
    assert (answer.status, answer.text) == (200, "OPTIONS")


def test_a_handlers_own_header(script: Script):
    """Gives way to ours, as two are none to browsers; it stays where ours is not."""
    assert access_control(ask(script, "GET", "/own", LISTED)) == {
        "access-control-allow-origin": LISTED
    }
    assert access_control(ask(script, "GET", "/own", OTHER)) == {"access-control-allow-origin": "*"}


def test_without_a_list_there_are_no_headers(script: Script):
    answer = script.request("GET", "/page", headers={"Origin": LISTED}, port="closed")
    assert answer.text == "closed"
    assert access_control(answer) == {}
    assert answer.headers["Vary"] is None


# ---- in a browser --------------------------------------------------------------------------------

#: Asks for all that pages ask for, in a frame whose origin is not listed, too; sends both results.
PAGE = """<!DOCTYPE html>
<title>Test</title>
<body>
<script>
const base = "http://127.0.0.1:" + new URLSearchParams(location.search).get("port");
const call = (name, ...args) =>
    ({method: "POST", body: new URLSearchParams({json: JSON.stringify([name, args, {}])}),
      headers: {Accept: "application/json, */*"}});
const form = new FormData();
form.append("json", '["upload", [], {}]');
form.append("data", new Blob(["\\x00data"]), "a.bin");
const json = answer => answer.json(), text = answer => answer.text();
const requests = {
    "call": ["/api", call("echo", {"a": [1, "\\u00e4"]}), json],
    "json body": ["/api", {method: "POST", body: '["echo", [7], {}]',
                           headers: {"Content-Type": "application/json"}}, json],
    "file": ["/api", {method: "POST", body: form}, json],
    "binary": ["/api", call("binary"), async answer => (await answer.arrayBuffer()).byteLength],
    "refuse": ["/api", call("refuse"), json],
    "unknown": ["/api", call("unknown"), json],
    "missing": ["/nowhere", {}, () => null],
    "put": ["/page", {method: "PUT", headers: {"X-Token": "t"}}, text],
    "static": ["/static/file.txt", {}, text],
};
async function run() {
    const results = {};
    for (const [name, [path, options, read]] of Object.entries(requests)) {
        try {
            const answer = await fetch(base + path, options);
            results[name] = [answer.status, await read(answer)];
        } catch (error) {
            results[name] = error.name;
        }
    }
    return results;
}
function framed() {
    const url = new URL(location.href);
    url.hostname = "127.0.0.1";
    const frame = document.createElement("iframe");
    frame.src = url.href;
    document.body.append(frame);
    return new Promise(resolve => addEventListener("message", event => resolve(event.data)));
}
(async () => {
    const results = await run();
    if (parent !== window)
        parent.postMessage(results, "*");
    else
        fetch("/", {method: "POST", body: JSON.stringify([results, await framed()])});
})();
</script>
"""

RESULTS = {
    "call": [200, {"a": [1, "ä"]}],
    "json body": [200, 7],
    "file": [200, ["a.bin", 5]],
    "binary": [200, 256],
    "refuse": [422, {"error": "no"}],
    "unknown": [404, {"error": "there is no API function 'unknown'"}],
    "missing": [404, None],
    "put": [200, "PUT"],
    "static": [200, "static"],
}


def test_pages_in_a_browser(static):
    with served(PAGE) as page:
        origin = f"http://localhost:{page.number}"
        with running_script(static, SOURCE, origin, name="browser.py") as script:
            result = page.result_in_browser(f"{origin}/?port={script.port}")
    listed, other = json.loads(result)
    assert listed == RESULTS
    assert other == dict.fromkeys(RESULTS, "TypeError")
