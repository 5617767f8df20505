"""The registration API of Houdini's ``hwebserver`` and ``hou.webServer``, served by Apache.

A script registers handlers by decorators and calls run().  The functions here are those of one
server, the process's default; Server(name) makes others.
"""

from .enums import webServerSeverity, webServerVerbosity
from .errors import APIError, OperationFailed
from .handlers import AsyncURLHandler, URLHandler
from .request import Request
from .response import Response
from .responses import errorResponse, fileResponse, notFoundResponse, redirect
from .server import Server
from .uploads import UploadedFile
from .websocket import WebSocket

_default = Server("main")

run = _default.run
requestShutdown = _default.requestShutdown
isInDebugMode = _default.isInDebugMode
urlHandler = _default.urlHandler
webSocket = _default.webSocket
insertHandlerForPort = _default.insertHandlerForPort
apiFunction = _default.apiFunction
registerAPIFunction = _default.registerAPIFunction
registerArchiveFile = _default.registerArchiveFile
registerOpdefPath = _default.registerOpdefPath
registerStaticFilesDirectory = _default.registerStaticFilesDirectory
registerWSGIApp = _default.registerWSGIApp
registerASGIApp = _default.registerASGIApp
setSettingsForPort = _default.setSettingsForPort
setCORSWhitelist = _default.setCORSWhitelist
setLogInfo = _default.setLogInfo
setPortInfo = _default.setPortInfo
setSSL = _default.setSSL
setSecurity = _default.setSecurity

MessageSeverity = webServerSeverity.MessageSeverity
PromptSeverity = webServerSeverity.PromptSeverity
WarningSeverity = webServerSeverity.WarningSeverity
AbortSeverity = webServerSeverity.AbortSeverity
FatalSeverity = webServerSeverity.FatalSeverity
Low = webServerVerbosity.Low
Medium = webServerVerbosity.Medium
High = webServerVerbosity.High

__all__ = [
    "APIError",
    "AbortSeverity",
    "AsyncURLHandler",
    "FatalSeverity",
    "High",
    "Low",
    "Medium",
    "MessageSeverity",
    "OperationFailed",
    "PromptSeverity",
    "Request",
    "Response",
    "Server",
    "URLHandler",
    "UploadedFile",
    "WarningSeverity",
    "WebSocket",
    "apiFunction",
    "errorResponse",
    "fileResponse",
    "insertHandlerForPort",
    "isInDebugMode",
    "notFoundResponse",
    "redirect",
    "registerAPIFunction",
    "registerASGIApp",
    "registerArchiveFile",
    "registerOpdefPath",
    "registerStaticFilesDirectory",
    "registerWSGIApp",
    "requestShutdown",
    "run",
    "setCORSWhitelist",
    "setLogInfo",
    "setPortInfo",
    "setSSL",
    "setSecurity",
    "setSettingsForPort",
    "urlHandler",
    "webServerSeverity",
    "webServerVerbosity",
    "webSocket",
]
