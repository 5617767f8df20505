"""A request's facts are the same on both ways into Python."""

import contextlib
import http.client

import pytest
from support.site import Site, running_server

FACTS = """
import httpdapi
class RequestHandler(httpdapi.RequestHandler):
    content_type = 'text/plain'
    def Content(self):
        r = self.req
        names = ('method', 'uri', 'unparsed_uri', 'args', 'protocol', 'filename', 'path_info',
                 'user', 'remote_addr', 'local_addr', 'local_port', 'server_name', 'server_port',
                 'scheme', 'status', 'started', 'content_type', 'directory', 'interpreter')
        facts = {name: getattr(r, name) for name in names}
        facts['options'] = dict(r.options)
        facts['headers'] = dict(r.headers_in)
        facts['environment'] = r.environment
        return repr(facts)
"""


@pytest.fixture(scope="session")
def way() -> str:
    """Each test takes both by itself."""
    return "direct"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("facts.py", {}),
        ("facts.py/more//path?a=1&b=%C3%A9", {"Accept": "text/html", "X-Some-Thing": "\xe9"}),
        ("facts.py/%C3%A9", {"x-lower": "1", "X_Underscore": "2", "Proxy": "evil", "X.Dot": "3"}),
        ("facts.py", {"Authorization": "Basic eDp5", "Cookie": "a=1; b=2"}),
        ("facts.py", {"Content-Type": "text/plain", "Content-Length": "0"}),
        ("pretty/x?y=z", {"User-Agent": "test"}),
        ("forbidden/x", {}),
    ],
)
def test_both_ways_give_the_same_facts(path: str, headers: dict[str, str]):
    """The other way's facts, in a directory of the same server, differ in nothing."""
    with running_server(threads=2) as server:
        found = []
        for name in ("d0", "d1"):
            site = Site(server, name)
            site.htaccess(
                f"PythonOption direct {(name == 'd0' and '1') or '0'}",
                "SetEnv from_htaccess here",
                "RewriteEngine On",
                "RewriteRule ^pretty/(.*)$ facts.py/$1 [QSA]",
                "RewriteRule ^forbidden/ - [F]",
                f"ErrorDocument 403 {site.url}/facts.py",
            )
            site.write("facts.py", FACTS)
            for _ in range(2):
                connection = http.client.HTTPConnection("127.0.0.1", server.server.port, timeout=30)
                with contextlib.closing(connection):
                    connection.request("GET", f"{site.url}/{path}", headers=headers)
                    response = connection.getresponse()
                    facts = eval(response.read().decode())
            facts["answer"] = response.status, response.getheader("Content-Type")
            for port in ("REMOTE_PORT", "REDIRECT_REMOTE_PORT"):
                facts["environment"].pop(port, None)
            if "forbidden" in path:  # what the first request knew goes on in REDIRECT_...
                kept = ("REDIRECT_STATUS", "REDIRECT_URL")
                environment = facts["environment"]
                assert all(variable in environment for variable in kept)
                for variable in [v for v in environment if v.startswith("REDIRECT_")]:
                    del environment[variable]
            assert facts["options"].pop("direct") == ("1" if name == "d0" else "0")
            found.append(eval(repr(facts).replace(f"/{name}", "/d")))
        assert found[0] == found[1]
