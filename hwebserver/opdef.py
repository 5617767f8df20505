"""registerOpdefPath: sections of Houdini's digital assets, where there is a Houdini to ask."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from mimetypes import guess_type
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .errors import OperationFailed
from .handlers import handler_of
from .registry import parts
from .response import Response
from .responses import notFoundResponse

if TYPE_CHECKING:
    from ..handlers.base import RequestHandler
    from .request import Request


def opdef_handler(url_prefix: str) -> type[RequestHandler]:
    """A handler that answers ``/opdef/obj/geo?Help`` with the section Help of the asset obj/geo.

    Raises OperationFailed where no Houdini is.
    """
    hou = _houdini()
    prefix = "".join(f"/{part}" for part in parts(url_prefix))

    def opdef(request: Request) -> Response:
        section = unquote(request.queryString())
        path = request.req.uri[len(prefix) :]
        try:
            data = hou.readBinaryFile(f"opdef:{path}?{section}")
        except hou.OperationFailed:
            return notFoundResponse(request)
        return Response(data, content_type=guess_type(section)[0] or "text/plain")

    return handler_of(opdef, opdef.__name__, ["GET"])


def _houdini() -> Any:
    with suppress(ImportError):
        hou = import_module("hou")
        if hasattr(hou, "readBinaryFile"):  # which hou_compat's has not
            return hou
    raise OperationFailed(
        "registerOpdefPath needs Houdini, whose assets it serves: run this with hython, or put "
        "Houdini's Python libraries on sys.path"
    )
