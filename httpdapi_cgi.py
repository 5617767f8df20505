"""What ``PythonOption handler httpdapi_cgi`` names: it runs CGI scripts inside Apache."""

from httpdapy.handlers.cgi import RequestHandler

__all__ = ["RequestHandler"]
