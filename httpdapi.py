"""What a handler script imports: ``import httpdapi`` (Httpdapy 1.7b, httpdapi.py)."""

import sys

if __name__ == "httpdapi":  # under its bare name too, this is one module
    from httpdapy import httpdapi

    sys.modules[__name__] = httpdapi
else:
    from .handlers.auth import AuthHandler
    from .handlers.base import RequestHandler
    from .handlers.constants import *  # noqa: F403 - the names are the interface
    from .handlers.constants import __all__ as _constants
    from .handlers.exits import PROG_TRACEBACK, SERVER_RETURN

    __all__ = ["PROG_TRACEBACK", "SERVER_RETURN", "AuthHandler", "RequestHandler", *_constants]
