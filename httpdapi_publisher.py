"""What ``PythonOption handler httpdapi_publisher`` names: it publishes modules, or a Zope site."""

from httpdapy.handlers.publisher import RequestHandler

__all__ = ["RequestHandler"]
