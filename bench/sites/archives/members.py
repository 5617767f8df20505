import zipfile
from pathlib import Path

ARCHIVE = zipfile.ZipFile(Path(__file__).with_name("files.zip"))


def application(environ, start_response):
    body = ARCHIVE.read(environ["PATH_INFO"][1:])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
