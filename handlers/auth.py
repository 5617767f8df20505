"""AuthHandler: what the module that AuthPythonModule names defines (Httpdapy 1.7b, httpdapi.py)."""

from __future__ import annotations

from .base import RequestHandler
from .constants import REQ_PROCEED
from .lazy import Lazy, nsapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .nsapi import AuthParameterBlock


class AuthHandler(RequestHandler):
    """Decides whether a request may pass.  Subclass it under this very name; override ``Handle``.

    Basic credentials are in ``self.rq.vars``: "auth-user" and "auth-password"; where a request
    brings none, looking them up by ``[]`` ends in the client's being asked for them.  Every other
    header of the request is in ``self.rq.headers``.  ``self.req.user`` is the name that those who
    come after see as authenticated: that of the Basic credentials, unless ``Handle`` sets another.
    Headers set in ``self.rq.srvhdrs`` go with the answer, whatever it will be.
    """

    _pb = nsapi("AuthParameterBlock")
    pb: AuthParameterBlock = Lazy(_pb)  # type: ignore[assignment]

    def Handle(self) -> object:
        """Return REQ_PROCEED to let the request pass; REQ_NOACTION to have the client asked for
        credentials (401); REQ_ABORTED to refuse, with the status that was set by
        ``self.rq.protocol_status`` (403 for one), or 500.  Anything else refuses with 500."""
        return REQ_PROCEED
