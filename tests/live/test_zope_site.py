"""A Zope site behind Apache: PythonOption zope_conf."""

import fcntl
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.httpd import Httpd
from support.publishing import FORM, HELLO, SETTINGS, basic, upload
from support.site import Answer, Site, at_once, request, running_server, wait_for

from httpdapy.apache.permissions import serving_user


@pytest.fixture(scope="module")
def instance(way: str):
    """The directory of a new Zope site."""
    root = Path(tempfile.mkdtemp(prefix="httpdapy-test-")).resolve()
    root.chmod(0o755)
    yield make_instance(root)
    shutil.rmtree(root)


def make_instance(root: Path) -> Path:
    """What Zope's own command makes, with what Apache's user may write."""
    command = Path(sys.executable).with_name("mkwsgiinstance")
    home = root / "instance"
    subprocess.run([command, "-d", home, "-u", "admin:secret"], check=True)
    if os.geteuid() == 0:
        for path in (home / "var", *(home / "var").rglob("*")):
            shutil.chown(path, *serving_user())
    return home


def site_settings(instance: Path) -> tuple[str, ...]:
    return (*SETTINGS, f"PythonOption zope_conf {instance}/etc/zope.conf")


ADMIN = basic("admin", "secret")


class Zope(Site):
    """A site of Zope's as an administrator sees it."""

    def manage(self, path: str, **fields: str) -> Answer:
        answer = self.request(
            "POST", path, "&".join(f"{k}={v}" for k, v in fields.items()), FORM | ADMIN
        )
        assert answer.status in (200, 302), answer.text
        return answer


@pytest.fixture(scope="module")
def zope(instance: Path):
    """A server with a Zope site at /zope, which has room for modules beside it."""
    with running_server() as server:
        zope = Zope(server, "zope")
        zope.htaccess(*site_settings(instance))
        yield zope
    assert (instance / "var/Data.fs.index").exists()  # which is saved when the database is closed


@pytest.fixture
def zope_site(zope: Zope):
    yield zope
    zope.server.settle()
    zope.log.check()


def test_site_front_page(zope_site: Zope):
    answer = zope_site.get("")
    assert (answer.status, answer.type) == (200, "text/html; charset=utf-8")
    base = f"http://127.0.0.1:{zope_site.server.server.port}{zope_site.url}/"
    assert f'<base href="{base}" />' in answer.text and "Auto-generated" in answer.text


def test_site_asks_for_the_password(zope_site: Zope):
    answer = zope_site.get("manage_main")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('basic realm="Zope"')
    wrong = zope_site.request("GET", "manage_main", headers=basic("admin", "wrong"))
    assert wrong.status == 401
    answer = zope_site.request("GET", "manage_main", headers=ADMIN)
    assert answer.status == 200 and "acl_users" in answer.text


def test_site_keeps_objects_in_its_database(zope_site: Zope):
    zope_site.manage("manage_addFolder", id="f%C3%A9", title="")
    zope_site.manage("f%C3%A9/manage_addDTMLMethod", id="hello", file="Hello+<dtml-var+name>")
    assert zope_site.text("f%C3%A9/hello?name=Joe").strip() == "Hello Joe"
    url = zope_site.text("f%C3%A9/absolute_url")
    assert url.endswith(f"{zope_site.url}/f%C3%A9")
    assert zope_site.get("f%C3%A9/nosuch").status == 404


def test_site_takes_webdav(zope_site: Zope):
    put = zope_site.request("PUT", "doc.txt", b"by PUT", ADMIN | {"Content-Type": "text/plain"})
    assert put.status == 201
    assert zope_site.text("doc.txt") == "by PUT"
    head = zope_site.request("HEAD", "doc.txt", headers=ADMIN)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "6")
    found = zope_site.request("PROPFIND", "doc.txt", headers=ADMIN | {"Depth": "0"})
    assert found.status == 207
    assert zope_site.request("DELETE", "doc.txt", headers=ADMIN).status == 204
    assert zope_site.get("doc.txt").status == 404


def test_site_file_by_upload(zope_site: Zope):
    body, headers = upload(b"\x89PNG" + b"x" * 300_000)
    answer = zope_site.request("POST", "manage_addFile?id=big", body, headers | ADMIN)
    assert answer.status in (200, 302)
    answer = zope_site.get("big")
    assert answer.body == b"\x89PNG" + b"x" * 300_000
    ranged = zope_site.get("big", Range="bytes=0-3")
    assert (ranged.status, ranged.body) == (206, b"\x89PNG")


def test_site_bad_converter(zope_site: Zope):
    assert zope_site.get("?n:int=abc").status == 400


def test_site_exception(zope_site: Zope):
    zope_site.manage("manage_addDTMLMethod", id="broken", file='<dtml-var+"1/0">')
    zope_site.log.expect("ZeroDivisionError: division by zero")
    zope_site.log.expect("/zope/broken]")
    answer = zope_site.get("broken")
    assert answer.status == 500 and "ZeroDivision" not in answer.text


def test_site_exception_with_its_own_page(zope_site: Zope, instance: Path):
    """The site makes a page of the error; the traceback is in the log all the same, and in the
    browser with debug."""
    zope_site.manage("manage_addFolder", id="own")
    zope_site.manage("own/manage_addDTMLMethod", id="broken", file='<dtml-var+"1/0">')
    zope_site.manage("own/manage_addDTMLMethod", id="standard_error_message", file="Our+page")
    zope_site.log.expect("ZeroDivisionError: division by zero")
    zope_site.log.expect("/zope/own]")
    answer = zope_site.get("own/broken")
    assert answer.status == 500 and "Our page" in answer.text and "ZeroDiv" not in answer.text
    zope_site.server.settle()
    assert zope_site.log.has("ZeroDivisionError: division by zero")
    answer = zope_site.get("own/nosuch")
    assert answer.status == 404 and "Our page" in answer.text
    zope_site.htaccess(*site_settings(instance), "PythonOption debug 1")
    answer = zope_site.get("own/broken")
    assert answer.status == 500 and "ZeroDivisionError" in answer.text
    zope_site.htaccess(*site_settings(instance))


def test_site_writes_at_once(zope_site: Zope):
    """Conflicts of transactions are tried again."""
    zope_site.manage("manage_addFolder", id="many")

    def add(n: int):
        return lambda: zope_site.manage("many/manage_addFolder", id=f"f{n}")

    at_once([add(n) for n in range(4)])
    for n in range(4):
        assert zope_site.text(f"many/f{n}/absolute_url").endswith(f"/many/f{n}")


def test_module_beside_the_site(zope_site: Zope):
    """What the site registers for all objects is not published in modules."""
    assert zope_site.get("").status == 200
    site = Site(zope_site.server)
    site.htaccess(*SETTINGS)
    site.write("hello.py", HELLO + "nothing__roles__ = ['staff']\n")
    assert site.text("hello/sayHello") == "Hello World!"
    for name in ("absolute_url", "@@absolute_url", "manage_main", "index_html", "++resource++logo"):
        assert site.get(f"hello/{name}").status == 404


def test_module_runs_again_after_a_conflict(zope_site: Zope):
    """As often as the site says; but not after a part of the answer is out."""
    assert zope_site.get("").status == 200
    site = Site(zope_site.server)
    site.htaccess(*SETTINGS)
    site.write(
        "page.py",
        "from transaction.interfaces import TransientError\n"
        "runs = []\n"
        "def work(REQUEST, a):\n    'x'\n    runs.append(a)\n"
        "    if len(runs) == 1: raise TransientError\n    return f'{runs} {REQUEST.form}'\n"
        "def stream(RESPONSE):\n    'x'\n    runs.append('s')\n    RESPONSE.write(b'begun')\n"
        "    raise TransientError('too late')\n",
    )
    assert site.post("page/work", {"a": "1"}).text == "['1', '1'] {'a': '1'}"
    site.log.expect("TransientError: too late")
    site.log.expect(f"{site.name}/page]")
    with pytest.raises(http.client.IncompleteRead):
        site.get("page/stream")
    assert site.post("page/work", {"a": "2"}).text == "['1', '1', 's', '2'] {'a': '2'}"


def test_second_site_in_a_process(zope_site: Zope, tmp_site: Path):
    assert zope_site.get("").status == 200
    other = Site(zope_site.server)
    other.htaccess(*site_settings(make_instance(tmp_site)))
    zope_site.log.expect("Zope can run but one in a process")
    zope_site.log.expect(f"{other.name}/]")
    assert other.get("").status == 500


def test_site_that_is_not_there():
    with running_server() as server:
        site = Site(server)
        site.htaccess(*SETTINGS, "PythonOption zope_conf etc/zope.conf")
        site.log.expect(f"zope_conf {site.path}/etc/zope.conf: Apache's user finds no such file")
        site.log.expect(f"{site.name}/]")
        assert site.get("").status == 500
        server.settle()
        site.log.check()


def test_first_requests_at_once(tmp_site: Path):
    """Of a process that has yet to import Zope, for a module and for a site."""
    home = make_instance(tmp_site)
    with running_server() as server:
        sites = [Site(server, "hello"), Site(server, "zope")]
        for site, settings in zip(sites, (SETTINGS, site_settings(home)), strict=True):
            site.htaccess(*settings)
            site.write("hello.py", HELLO)
        answers = at_once([lambda n=n: sites[n % 2].get("hello/sayHello") for n in range(8)])
        assert [answer.status for answer in answers] == [200, 404] * 4
        server.settle()
        server.log.check()


def test_site_waits_for_its_database(tmp_site: Path):
    """As after a graceful restart, while the old process ends its last requests."""
    home = make_instance(tmp_site)
    with running_server() as server:
        site = Site(server)
        site.htaccess(*site_settings(home))
        lock = home / "var/Data.fs.lock"
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lock.chmod(0o666)
            with ThreadPoolExecutor() as pool:
                answers = [pool.submit(site.get) for _ in range(3)]
                time.sleep(0.3)
                assert not any(answer.done() for answer in answers)
                fcntl.flock(file, fcntl.LOCK_UN)
                assert [answer.result().status for answer in answers] == [200] * 3
        server.settle()
        site.log.check()


def children(httpd: Httpd) -> set[str]:
    pid = httpd.process.pid
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def test_site_at_the_root_lives_on_after_a_restart(tmp_site: Path):
    home = make_instance(tmp_site)
    root = tmp_site / "site"
    root.mkdir()
    settings = "\n".join([f'<Directory "{root}">', *site_settings(home), "</Directory>"])
    one_process = "ThreadsPerChild 25\nMaxRequestWorkers 25\nMinSpareThreads 1\nServerLimit 2"
    with Httpd(root, f"{one_process}\n{settings}") as httpd:
        made = request(httpd.port, "POST", "/manage_addFolder", "id=kept", FORM | ADMIN)
        assert made.status in (200, 302)
        before = children(httpd)
        httpd.process.send_signal(signal.SIGUSR1)
        wait_for("a new process", lambda: children(httpd) - before)
        assert httpd.text("kept/absolute_url") == f"http://127.0.0.1:{httpd.port}/kept"
