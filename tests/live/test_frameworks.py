"""Flask and Django below registerWSGIApp: forms, sessions, uploads, streams, and files beside."""

import hashlib
from pathlib import Path

import httpx
import pytest
from support.script import Script, running_script

FLASK = """
import hashlib

import flask
import hwebserver

app = flask.Flask(__name__)
app.secret_key = "of the test"

@app.route("/")
def index():
    return "Flask"

@app.post("/form")
def form():
    return flask.jsonify(flask.request.form.to_dict(flat=False))

@app.post("/json")
def json():
    return flask.request.get_json() | {"from": "flask"}

@app.post("/upload")
def upload():
    file = flask.request.files["file"]
    digest = hashlib.sha256()
    while piece := file.read(65536):
        digest.update(piece)
    return flask.jsonify([file.filename, file.content_type, digest.hexdigest(),
                          flask.request.form["note"]])

@app.route("/count")
def count():
    flask.session["count"] = flask.session.get("count", 0) + 1
    return str(flask.session["count"])

@app.route("/stream")
def stream():
    @flask.stream_with_context
    def pieces():
        for n in range(3):
            yield f"{n} {flask.request.path}\\n"
    return flask.Response(pieces(), mimetype="text/plain")

@app.route("/file")
def file():
    return flask.send_file("big.bin", conditional=True)

@app.route("/name/<path:name>")
def name(name):
    return flask.redirect(flask.url_for("index", name=name))

@app.errorhandler(404)
def missing(error):
    return "Flask has no such page", 404

hwebserver.registerWSGIApp(app, "/")
hwebserver.registerWSGIApp(app, "/below")
hwebserver.registerStaticFilesDirectory("files")

@hwebserver.urlHandler("/hello")
def hello(request):
    return hwebserver.Response("not Flask")
"""

DJANGO = """
import hashlib
import tempfile

import django
import hwebserver
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path, reverse

settings.configure(
    SECRET_KEY="of the test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    FILE_UPLOAD_MAX_MEMORY_SIZE=1000,
)

def form(request):
    return JsonResponse(dict(request.POST.lists()))

def upload(request):
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    return JsonResponse(
        [file.name, file.content_type, digest.hexdigest(), request.POST["note"]], safe=False
    )

def count(request):
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(request.session["count"])

def stream(request):
    pieces = (f"{n} {request.path}\\n" for n in range(3))
    return StreamingHttpResponse(pieces, content_type="text/plain")

def file(request):
    return FileResponse(open("big.bin", "rb"))

def where(request):
    urls = [reverse(where), request.get_full_path(), request.build_absolute_uri()]
    return HttpResponse(" ".join(urls))

views = (form, upload, count, stream, file, where)
urlpatterns = [path(f"{view.__name__}/", view) for view in views]

django.setup()
hwebserver.registerWSGIApp(get_wsgi_application(), "/django")
"""

BIG = bytes(range(256)) * 8192


@pytest.fixture(scope="module")
def script(module_site: Path):
    (module_site / "files").mkdir()
    (module_site / "files/style.css").write_text("p {}")
    (module_site / "big.bin").write_bytes(BIG)
    with running_script(module_site, FLASK + DJANGO) as running:
        yield running


@pytest.fixture
def client(script: Script):
    with httpx.Client(base_url=f"http://127.0.0.1:{script.port}", trust_env=False) as client:
        yield client


FORMS = pytest.mark.parametrize("prefix", ["", "/below", "/django"])


def path(prefix: str, name: str) -> str:
    return f"{prefix}/{name}{'/' if prefix == '/django' else ''}"


@FORMS
def test_forms(client: httpx.Client, prefix: str):
    sent = {"a": ["1", "2"], "name": ["Ü & more"]}
    assert client.post(path(prefix, "form"), data=sent).json() == sent


@FORMS
@pytest.mark.parametrize("size", [10, len(BIG)])
def test_uploads(client: httpx.Client, prefix: str, size: int):
    body = BIG[:size]
    files = {"file": ("big ü.bin", body, "application/x-bin")}
    answer = client.post(path(prefix, "upload"), files=files, data={"note": "with it"})
    digest = hashlib.sha256(body).hexdigest()
    assert answer.json() == ["big ü.bin", "application/x-bin", digest, "with it"]


@FORMS
def test_sessions(client: httpx.Client, prefix: str):
    assert [client.get(path(prefix, "count")).text for _ in range(3)] == ["1", "2", "3"]
    client.cookies.clear()
    assert client.get(path(prefix, "count")).text == "1"


@FORMS
def test_streams(client: httpx.Client, prefix: str):
    page = path(prefix, "stream")
    shown = page.removeprefix("/below")
    assert client.get(page).text == "".join(f"{n} {shown}\n" for n in range(3))


@FORMS
def test_files(client: httpx.Client, prefix: str):
    answer = client.get(path(prefix, "file"))
    assert answer.content == BIG and answer.headers["Content-Length"] == str(len(BIG))
    head = client.head(path(prefix, "file"))
    assert head.headers["Content-Length"] == str(len(BIG)) and head.content == b""


def test_json(client: httpx.Client):
    assert client.post("/json", json={"a": [1]}).json() == {"a": [1], "from": "flask"}


def test_a_body_in_chunks(client: httpx.Client):
    pieces = (piece for piece in [b'{"a"', b": 1}"])
    headers = {"Content-Type": "application/json"}
    answer = client.post("/json", content=pieces, headers=headers)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.json() == {"a": 1, "from": "flask"}


def test_conditional_and_partial_requests(client: httpx.Client):
    etag = client.get("/file").headers["ETag"]
    assert client.get("/file", headers={"If-None-Match": etag}).status_code == 304
    part = client.get("/file", headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == BIG[10:20]


@pytest.mark.parametrize("prefix", ["", "/below"])
def test_urls_that_flask_makes(client: httpx.Client, prefix: str):
    answer = client.get(f"{prefix}/name/a%20b/%C3%BC")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{prefix}/?name=a+b/%C3%BC"


def test_urls_that_django_makes(client: httpx.Client):
    answer = client.get("/django/where/?a=b")
    assert answer.text == f"/django/where/ /django/where/?a=b {client.base_url}/django/where/?a=b"
    assert client.get("/django/where").headers["Location"] == "/django/where/"


def test_what_is_more_specific_wins_over_flask_at_the_root(client: httpx.Client):
    assert client.get("/").text == "Flask"
    assert client.get("/hello").text == "not Flask"
    assert client.get("/static/style.css").headers["Content-Type"] == "text/css"
    missing = client.get("/none")
    assert (missing.status_code, missing.text) == (404, "Flask has no such page")
    assert "Flask" not in client.get("/static/none").text
