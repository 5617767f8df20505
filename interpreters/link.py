"""What crosses between Apache and Python, by name: the same names as in apache/link.h."""

HANDLER = "python-program"
RUN_HANDLER = "httpdapy-run"
NOTE_INTERPRETER = "httpdapy.interpreter"
NOTE_PROCESS = "httpdapy.process"
ENV_SETTINGS = "httpdapy.settings"
ENV_STAMP = "httpdapy.stamp"
ENV_TYPE = "httpdapy.type"
ENV_PORT = "httpdapy.port"
ENV_WATCHED = "httpdapy.watched"
ENV_LINK = "httpdapy.link"
HEADER_WATCH = "Httpdapy-Watch"
HEADER_DOCUMENT = "Httpdapy-Document"
HEADER_REDIRECT = "Httpdapy-Redirect"
HEADER_STATUS = "Httpdapy-Status"
HEADER_LOG = "Httpdapy-Log"
HEADER_CLIENT = "Httpdapy-Client"
HEADER_REQUEST = "Httpdapy-Request"
HEADER_SETTINGS = "Httpdapy-Settings"
HEADER_REPORT = "Httpdapy-Report"
REPORT_TYPE = "text/x-httpdapy-report"


def environ_path(text: str) -> str:
    """A path of WSGI's environ, bytes as Latin-1, as the file system has it."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")
