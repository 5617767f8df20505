"""Settings of ports: setSettingsForPort(), files, and what Apache makes of them."""

import http.client
import json
import ssl
import urllib.parse
from contextlib import closing

import pytest
import trustme
from support.script import refuses, running_script
from support.site import wait_for

#: Nothing here depends on the way into Python.
ONE_WAY = True
LIVE = True

SCRIPT = """
import sys
import json
import hwebserver

for name, settings in json.loads(sys.argv[1]).items():
    hwebserver.setSettingsForPort(settings, name)

@hwebserver.urlHandler("/where", ports=["main", "second"])
def where(request):
    return hwebserver.Response(" ".join([
        request.scheme(), request.host(), request.absoluteURI("/x"), str(request.isSecure())
    ]))

@hwebserver.urlHandler("/fail", ports=["main", "second"])
def fail(request):
    sys.stderr.write("an error\\n")
    return hwebserver.Response("")
"""
ANY = {"ALLOW_SYSTEM_PORT": True}


def serving(directory, main, second=None, **options):
    """A server whose two ports have these settings."""
    ports = {"": main, "second": {**ANY, **(second or {})}}
    return running_script(directory, SCRIPT, json.dumps(ports), **options)


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def certificate(authority, tmp_site):
    """Settings with a certificate for localhost, in files that only their owner may read."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_site / "certificate.pem")
    issued.private_key_pem.write_to_path(tmp_site / "key.pem")
    (tmp_site / "key.pem").chmod(0o600)
    return {"SSL_CERTIFICATE": "certificate.pem", "SSL_CERTIFICATE_KEY": "key.pem"}


def ask(port, path="/where", authority=None, client=None, **headers):
    """The answer at a port, by HTTPS with an *authority*."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if authority is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    else:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if client is not None:
            client.configure_cert(context)
        connection = http.client.HTTPSConnection("localhost", port, timeout=10, context=context)
    with closing(connection):
        connection.request("GET", path, headers=named)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
    return answer


# -- hosts and addresses ---------------------------------------------------------------------------


HOSTS = [
    ("127.0.0.1", True),
    ("127.0.0.1:80", True),
    ("Name.Example", True),
    ("name.example.:8008", True),
    ("www.name.example", False),
    ("sub.example.org", True),
    ("example.org", True),
    ("badexample.org", False),
    ("name-example", False),
    ("[::1]:8008", True),
    ("name.example@evil", False),
    ("", False),
]


@pytest.fixture(scope="module")
def guarded(module_site):
    """The main port has allowed hosts, the second one as well, by X-Forwarded-Host."""
    allowed = ["127.0.0.1", "name.example", ".example.org", "[::1]"]
    settings = {"ALLOWED_HOSTS": allowed}
    second = {**settings, "USE_X_FORWARDED_HOST": True}
    with serving(module_site, settings, second) as script:
        yield script


@pytest.mark.parametrize(("host", "allowed"), HOSTS)
def test_allowed_hosts(guarded, host, allowed):
    answer = ask(guarded.port, Host=host)
    assert answer.status == (200 if allowed else 400)
    assert not allowed or host in answer.text


@pytest.mark.parametrize(("host", "allowed"), HOSTS[:-1])
def test_allowed_forwarded_hosts(guarded, host, allowed):
    """They come before Host, which is not looked at then."""
    answer = ask(guarded.ports["second"], Host="evil.example", X_Forwarded_Host=host)
    assert answer.status == (200 if allowed else 400)
    assert not allowed or answer.text.split()[1:3] == [host, f"http://{host}/x"]


def test_forwarded_hosts_are_not_looked_at_unless_asked_for(guarded):
    answer = ask(guarded.port, Host="name.example", X_Forwarded_Host="evil.example")
    assert answer.text.split()[1] == "name.example"
    assert ask(guarded.ports["second"], Host="evil.example").status == 400


def test_all_hosts(tmp_site):
    with serving(tmp_site, {}, {"ALLOWED_HOSTS": ["*"]}) as script:
        for port in (script.port, script.ports["second"]):
            assert ask(port, Host="whatever.example").status == 200


def test_the_address(tmp_site):
    """127.0.0.2 is this machine's as well, and another address."""
    with serving(tmp_site, {"ADDRESS": "127.0.0.1"}, {"ADDRESS": "localhost"}) as script:
        assert ask(script.ports["second"]).status == 200
        assert ask(script.port).status == 200
        elsewhere = http.client.HTTPConnection("127.0.0.2", script.port, timeout=10)
        with pytest.raises(ConnectionRefusedError):
            elsewhere.request("GET", "/where")


def test_ipv6(tmp_site):
    with serving(tmp_site, {"IPV6": True}, {"ADDRESS": "::1"}) as script:
        assert ask(script.port).status == 200
        for port in (script.port, script.ports["second"]):
            connection = http.client.HTTPConnection("::1", port, timeout=10)
            connection.request("GET", "/where")
            assert connection.getresponse().read().split()[1] == b"[::1]:%d" % port
            connection.close()


# -- TLS -------------------------------------------------------------------------------------------


def test_https(tmp_site, certificate, authority):
    with serving(tmp_site, certificate) as script:
        answer = ask(script.port, authority=authority)
        host = f"localhost:{script.port}"
        assert answer.text == f"https {host} https://{host}/x True"
        assert "Strict-Transport-Security" not in answer.headers
        assert ask(script.ports["second"]).text.startswith("http ")


def test_certificate_and_key_in_one_file(tmp_site, certificate, authority):
    both = (tmp_site / "certificate.pem").read_text() + (tmp_site / "key.pem").read_text()
    (tmp_site / "both.pem").write_text(both)
    with serving(tmp_site, {"SSL_CERTIFICATE": "both.pem"}) as script:
        assert ask(script.port, authority=authority).status == 200


#: The group ffdhe2048 of RFC 7919.
DH_PARAMETERS = """-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


def test_dh_parameters(tmp_site, certificate, authority):
    (tmp_site / "dh.pem").write_text(DH_PARAMETERS)
    settings = {**certificate, "SSL_DH_PARAMS": "dh.pem"}
    with serving(tmp_site, settings) as script:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(
            "DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
        )
        connection = http.client.HTTPSConnection("localhost", script.port, context=context)
        connection.request("GET", "/where")
        assert connection.getresponse().status == 200
        connection.close()


def test_a_client_with_a_certificate_that_nobody_trusts(tmp_site, certificate, authority):
    client = trustme.CA().issue_cert("client@example.org")
    with serving(tmp_site, certificate, {**certificate, "SSL_VERIFY_PEER": False}) as script:
        assert ask(script.ports["second"], authority=authority, client=client).status == 200
        script.log.allow("AH0")
        with pytest.raises(OSError, match=r"unknown ca|UNKNOWN_CA"):
            ask(script.port, authority=authority, client=client)
        assert ask(script.port, authority=authority).status == 200


def test_hsts(tmp_site, certificate, authority):
    main = {**certificate, "SECURE_HSTS_SECONDS": 3600}
    more = {"SECURE_HSTS_INCLUDE_SUBDOMAINS": True, "SECURE_HSTS_PRELOAD": True}
    with serving(tmp_site, main, {**main, **more}) as script:
        name = "Strict-Transport-Security"
        assert ask(script.port, authority=authority).headers[name] == "max-age=3600"
        for path in ("/where", "/nowhere"):
            answer = ask(script.ports["second"], path, authority)
            assert answer.headers.get_all(name) == ["max-age=3600; includeSubDomains; preload"]


def test_no_hsts_without_tls(tmp_site):
    with serving(tmp_site, {"SECURE_HSTS_SECONDS": 3600}) as script:
        assert "Strict-Transport-Security" not in ask(script.port).headers


# -- redirects to HTTPS ----------------------------------------------------------------------------

UPGRADE = {"Upgrade_Insecure_Requests": "1"}


@pytest.fixture
def redirecting(tmp_site, certificate):
    """The main port redirects to the second one."""
    main = {"SSL_REDIRECT": True, "SSL_REDIRECT_EXEMPT": ["exempt.example"]}
    with serving(tmp_site, main, {**certificate, "SSL_REDIRECT": True}) as script:
        yield script


def test_redirects(redirecting, authority):
    secure = redirecting.ports["second"]
    for path in ("/where", "/a%20b?c=%26&d=%3F", "//x/%2e%2e", "/%3Fa"):
        answer = ask(redirecting.port, path, Host="localhost:1", **UPGRADE)
        assert answer.status == 307
        assert answer.headers["Location"] == f"https://localhost:{secure}{path}"
        assert "Upgrade-Insecure-Requests" in answer.headers["Vary"]
    answer = ask(secure, authority=authority, **UPGRADE)
    assert answer.status == 200 and answer.headers["Vary"] is None
    there = ask(redirecting.port, Host="localhost", **UPGRADE).headers["Location"]
    assert ask(urllib.parse.urlsplit(there).port, authority=authority).status == 200


def test_redirects_of_the_port_itself(tmp_site, certificate, authority):
    """A port with a certificate takes requests without TLS, and sends them to itself."""
    settings = {**certificate, "SSL_REDIRECT": True, "SSL_REDIRECT_EXEMPT": ["exempt.example"]}
    with serving(tmp_site, settings, certificate) as script:
        answer = ask(script.port, "/where", Host="localhost", **UPGRADE)
        assert answer.status == 307
        assert answer.headers["Location"] == f"https://localhost:{script.port}/where"
        assert ask(script.port).status == 403
        assert ask(script.port, Host="exempt.example").text.startswith("http ")
        assert ask(script.port, authority=authority).text.startswith("https ")
        assert ask(script.ports["second"]).status == 400


def test_redirects_are_for_clients_that_ask_for_them(redirecting):
    answer = ask(redirecting.port)
    assert answer.status == 403
    assert "Upgrade-Insecure-Requests" in answer.headers["Vary"]
    assert ask(redirecting.port, Upgrade_Insecure_Requests="0").status == 403


def test_hosts_that_are_not_redirected(redirecting):
    assert ask(redirecting.port, Host="exempt.example").status == 200
    assert ask(redirecting.port, Host="exempt.example:80", **UPGRADE).status == 200


def test_a_host_to_redirect_to(tmp_site):
    settings = {"SSL_REDIRECT": True, "SSL_REDIRECT_HOST": "www.example.org:8443"}
    with serving(tmp_site, settings) as script:
        answer = ask(script.port, "/x?y", **UPGRADE)
        assert answer.headers["Location"] == "https://www.example.org:8443/x?y"


# -- logs ------------------------------------------------------------------------------------------


@pytest.mark.foreground("stderr is the script's own")
def test_a_log_of_its_own(tmp_site):
    file = tmp_site / "main.log"
    settings = {"LOG_FILE": str(file), "MIN_LOG_SEVERITY": "MessageSeverity"}
    with serving(tmp_site, settings, {"LOG_FILE": "second.log"}) as script:
        ask(script.port, "/fail")
        wait_for("the log", lambda: "an error" in file.read_text())
        wait_for("the request", lambda: "GET /fail" in file.read_text())
        ask(script.ports["second"], "/fail")
        wait_for("the log", lambda: "an error" in (tmp_site / "second.log").read_text())
        assert "GET /fail" not in (tmp_site / "second.log").read_text()
        assert not script.log.has("an error")


@pytest.mark.foreground("stderr is the script's own")
def test_the_least_severity(tmp_site):
    second = {"MIN_LOG_SEVERITY": "FatalSeverity", "LOG_FILE": "second.log"}
    with serving(tmp_site, {"LOG_FILE": "main.log"}, second) as script:
        ask(script.ports["second"], "/fail")
        ask(script.port, "/fail")
        wait_for("the log", lambda: "an error" in (tmp_site / "main.log").read_text())
        script.stop()
        assert "an error" not in (tmp_site / "second.log").read_text()


# -- files of settings -----------------------------------------------------------------------------

CORS = "https://page.example"
FILES = {
    "settings.py": f'import os\nCORS_ORIGIN_WHITELIST = ["{CORS}"]\n_x = lower = 1\n'
    'PORTS = {"second": {"ALLOW_SYSTEM_PORT": True, "ALLOWED_HOSTS": ["a.example"]}}\n',
    "settings.json": f'{{"CORS_ORIGIN_WHITELIST": ["{CORS}"], '
    '"PORTS": {"second": {"ALLOW_SYSTEM_PORT": true, "ALLOWED_HOSTS": ["a.example"]}}}',
    "settings.toml": f'CORS_ORIGIN_WHITELIST = ["{CORS}"]\n'
    '[PORTS.second]\nALLOW_SYSTEM_PORT = true\nALLOWED_HOSTS = ["a.example"]\n',
}
PLAIN = """
import hwebserver

@hwebserver.urlHandler("/where", ports=["main", "second"])
def where(request):
    return hwebserver.Response("there")
"""


@pytest.mark.parametrize("name", FILES)
def test_a_settings_file(tmp_site, name):
    (tmp_site / name).write_text(FILES[name])
    with running_script(tmp_site, PLAIN, run=f'settings="{name}"') as script:
        answer = ask(script.port, Origin=CORS)
        assert answer.headers["Access-Control-Allow-Origin"] == CORS
        second = script.ports["second"]
        assert ask(second).status == 400 and ask(second, Host="a.example").status == 200


def test_what_the_script_sets_comes_before_the_file(tmp_site):
    (tmp_site / "settings.py").write_text('ALLOWED_HOSTS = ["a.example"]')
    source = PLAIN + (
        "hwebserver.setSettingsForPort({'ALLOW_SYSTEM_PORT': True}, 'second')\n"
        "hwebserver.setSettingsForPort({'ALLOWED_HOSTS': ['b.example']})\n"
    )
    with running_script(tmp_site, source, run='settings="settings.py"') as script:
        assert ask(script.port, Host="a.example").status == 400
        assert ask(script.port, Host="b.example").status == 200


def test_thin_forms(tmp_site, certificate, authority):
    source = (
        PLAIN.replace('"second"', '"second", "third"')
        + f"""
hwebserver.setPortInfo("second", None, None, True, "127.0.0.1", None, ["a.example"], True)
hwebserver.setCORSWhitelist(["{CORS}"], "second")
hwebserver.setLogInfo("second", "second.log", hwebserver.MessageSeverity)
hwebserver.setPortInfo("third", allow_system_port=True)
hwebserver.setSSL("third", "certificate.pem", "key.pem")
hwebserver.setSecurity("third", hsts_seconds=5, allowed_hosts=["localhost"])
"""
    )
    with running_script(tmp_site, source) as script:
        second, third = script.ports["second"], script.ports["third"]
        answer = ask(second, X_Forwarded_Host="a.example", Origin=CORS)
        assert answer.headers["Access-Control-Allow-Origin"] == CORS
        assert ask(second).status == 400
        wait_for("the log", lambda: "GET /where" in (tmp_site / "second.log").read_text())
        answer = ask(third, authority=authority)
        assert answer.headers["Strict-Transport-Security"] == "max-age=5"
        assert ask(third, authority=authority, Host="x.example").status == 400


# -- what cannot be served -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SSL_CERTIFICATE": "missing.pem"}, "the setting SSL_CERTIFICATE: "),
        ({"SSL_REDIRECT": True}, "SSL_REDIRECT of the port main has nowhere to send requests to"),
        ({"LOG_FILE": "missing/log"}, "missing/log cannot be written; make its directory"),
        ({"ADDRESS": "nowhere.invalid"}, "the ADDRESS nowhere.invalid is unknown"),
        ({"ADDRESS": "::1", "IPV6": False}, "the ADDRESS ::1 is of IPv6, and IPV6 is False"),
        ({"CORS_ORIGIN_WHITELIST": ["here"]}, "CORS_ORIGIN_WHITELIST has 'here'"),
        ({"COLOR": "red"}, "there is no setting 'COLOR'"),
    ],
)
def test_what_cannot_be_served_is_named(tmp_site, settings, said):
    source = f"{PLAIN}\nhwebserver.setSettingsForPort({settings!r}, '')\n"
    source = source.replace(', ports=["main", "second"]', "")
    refuses(tmp_site, f"{source}hwebserver.run(0)", said)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "${PATH}"])
def test_names_that_a_port_cannot_have(tmp_site, name):
    source = f"{PLAIN}\nhwebserver.setSettingsForPort({{'ALLOW_SYSTEM_PORT': True}}, {name!r})\n"
    source = source.replace(', ports=["main", "second"]', "")
    refuses(
        tmp_site, f"{source}hwebserver.run(0)", "which Apache's configuration cannot hold; choose"
    )
