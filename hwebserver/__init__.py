"""The registration API of Houdini's ``hwebserver`` and ``hou.webServer``, served by Apache.

A script registers handlers by decorators and calls run().  The functions here are those of one
server, the process's default; Server(name) makes others.
"""

from .errors import OperationFailed
from .handlers import URLHandler
from .request import Request
from .response import Response
from .server import Server

_default = Server("main")

run = _default.run
requestShutdown = _default.requestShutdown
isInDebugMode = _default.isInDebugMode
urlHandler = _default.urlHandler
registerStaticFilesDirectory = _default.registerStaticFilesDirectory

__all__ = [
    "OperationFailed",
    "Request",
    "Response",
    "Server",
    "URLHandler",
    "isInDebugMode",
    "registerStaticFilesDirectory",
    "requestShutdown",
    "run",
    "urlHandler",
]
