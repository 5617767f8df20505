"""What tests of httpdapi_publisher share."""

import base64

#: The .htaccess lines for published modules.
SETTINGS = (
    "SetHandler python-program",
    "PythonOption handler httpdapi_publisher",
    "PythonInterpreter main_interpreter",
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

#: A module to be published.
HELLO = '''
import math
from functools import wraps
from zExceptions import Unauthorized
from ZPublisher import zpublish

def sayHello(name="World"):
    """Greets."""
    return f"Hello {name}!"

def undocumented():
    return "undocumented"

@zpublish
def marked():
    return "marked"

@zpublish(False)
def unmarked():
    """Documented, and marked not to be published."""

@zpublish(methods=("GET", "PUT"))
def stored(REQUEST):
    return f"{REQUEST['REQUEST_METHOD']} {REQUEST.get('BODY', b'')!r}"

@zpublish(methods="POST")
def posted():
    return "posted"

def needs(a, b):
    """Shows its arguments."""
    return repr((a, b))

def one(n):
    """Shows its argument."""
    return repr(n)

def nothing():
    """Returns None."""

def html():
    """Returns an HTML document."""
    return "<html><body>text</body></html>"

def echo(text):
    """Returns what it is given."""
    return text

def redirect(RESPONSE, to="/elsewhere"):
    """Sends the client on."""
    RESPONSE.redirect(to)

def secret():
    """Lets nobody in."""
    raise Unauthorized("not for you")

def fail():
    """Fails."""
    return 1 / 0

def facts(REQUEST):
    """Some of the request."""
    return repr([REQUEST[name] for name in ("URL", "PATH_INFO", "REQUEST_METHOD", "REMOTE_ADDR")])

def upload(file):
    """Takes a file."""
    return repr((file.filename, file.read()))

_private = sayHello
number = 5

class Folder:
    """An object with methods."""
    def index_html(self, REQUEST):
        """Its page."""
        return "index of " + REQUEST["URL1"]
    def page(self, n=1):
        """Another page."""
        return f"page {n}"

folder = Folder()
'''


def basic(user: str, password: str) -> dict[str, str]:
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {credentials}"}


def upload(content: bytes, boundary: str = "XX") -> tuple[bytes, dict[str, str]]:
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; "
        'name="file"; filename="é.txt"\r\nContent-Type: text/plain\r\n\r\n'
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return body.encode() + content + f"\r\n--{boundary}--\r\n".encode(), headers
