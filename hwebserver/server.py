"""Server: the registration API, and run()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from . import api, directory
from .arguments import Arguments
from .enums import webServerSeverity, webServerVerbosity
from .errors import OperationFailed
from .handlers import URLHandler, as_handler, handler_of_instance
from .opdef import opdef_handler
from .registry import Registry, Route
from .running import request_shutdown, run
from .settings import checked
from .static import archive_mount, mount_of, port_name
from .websocket import checked_class
from .wsgi import wsgi_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from .asgi import Application as ASGIApplication
    from .registry import Port
    from .wsgi import Application as WSGIApplication

    T = TypeVar("T")
    F = TypeVar("F", bound=Callable[..., object])


class Server:
    """A server with its own handlers and ports."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._registry = Registry()
        self._is_in_debug_mode = False

    @property
    def registry(self) -> Registry:
        """What it answers: of its own where scripts call run(), in a directory that Apache serves
        that of the module which is being loaded."""
        here = directory.registry()
        return self._registry if here is None else here

    def urlHandler(
        self, path: str, is_prefix: bool = False, ports: Sequence[str | int] = ()
    ) -> Callable[[T], T]:
        """Register what answers a URL: a function of one argument, the Request, that returns a
        Response, and may be async; or a subclass of RequestHandler or URLHandler.

        path: as the URL has it when decoded; a slash at its end makes no difference.
        is_prefix: it answers all that lies below as well.
        ports: names of the ports at which it answers, -1 for all; without any, the main one.

        Of all that have a URL's path the one with most components of it answers, and of several at
        one path the last.  Raises TypeError and ValueError for what cannot be registered.
        """
        if not isinstance(path, str):
            raise TypeError("urlHandler is called with a path: @hwebserver.urlHandler('/path')")

        def register(target: T) -> T:
            route = Route(path, is_prefix, as_handler(target, path, is_prefix))
            self.registry.add(route, ports)
            return target

        return register

    def webSocket(
        self, path: str, is_prefix: bool = False, ports: Sequence[str | int] = ()
    ) -> Callable[[T], T]:
        """Register what answers WebSockets at a path: a subclass of WebSocket.

        path, is_prefix, ports: as urlHandler() has them; other requests for the path are its.

        Raises TypeError and ValueError for what cannot be registered.
        """
        if not isinstance(path, str):
            raise TypeError("webSocket is called with a path: @hwebserver.webSocket('/path')")

        def register(target: T) -> T:
            route = Route(path, is_prefix, checked_class(target))
            self.registry.each(ports, lambda port: port.sockets.append(route))
            return target

        return register

    def insertHandlerForPort(self, handler: URLHandler, port_name: str = "") -> None:
        """Register an object of a subclass of URLHandler, at the port of that name.

        Raises TypeError and ValueError as urlHandler().
        """
        answers = handler_of_instance(handler)
        self.registry.add(Route(handler.path, handler.allows_partial, answers), [port_name])

    def apiFunction(
        self,
        namespace: str | None = None,
        return_binary: bool = False,
        arg_types: Mapping[str, Callable[[Any], object]] | None = None,
        ports: Sequence[str | int] = (),
    ) -> Callable[[F], F]:
        """Register a function that clients call at /api; its first argument is the Request.

        namespace: clients call ``namespace.name``.
        return_binary: what it returns is sent as bytes, a str as UTF-8.
        arg_types: what to make of an argument, by its name: a type, or a function of one value.

        Raises TypeError as registerAPIFunction().
        """
        if callable(namespace):
            raise TypeError("apiFunction is called: write @hwebserver.apiFunction()")

        def register(function: F) -> F:
            self.registerAPIFunction(function, namespace, return_binary, arg_types, ports)
            return function

        return register

    def registerAPIFunction(
        self,
        function: Callable[..., object],
        namespace: str | None = None,
        return_binary: bool = False,
        arg_types: Mapping[str, Callable[[Any], object]] | None = None,
        ports: Sequence[str | int] = (),
    ) -> None:
        """Do what apiFunction() does, without a decorator.

        Raises TypeError for a function without a name, and for arg_types that it has no arguments
        for.
        """
        made = api.APIFunction(function, namespace, return_binary, arg_types)
        api.register(self.registry, made, ports)

    def registerStaticFilesDirectory(
        self, directory: str | PathLike[str], url_prefix: str = "/static", port: int | str = -1
    ) -> None:
        """Have Apache send the files of *directory* below *url_prefix*; no Python runs for them.

        directory: counts from the working directory.
        port: a port's name, or -1 or 0 for the main one.

        Of all that have a URL's path the one with most components of it answers, and of equal ones
        a handler; of directories at one prefix the first that has the file.  Raises OperationFailed
        for what is no directory.
        """
        mounts = self.registry.port(port_name(port)).mounts
        mounts.append(mount_of(directory, url_prefix))
        self.registry.take_effect(mounts.pop)

    def registerArchiveFile(
        self, archive_file: str | PathLike[str], url_prefix: str, port: int | str = -1
    ) -> None:
        """Have Apache send the members of the zip *archive_file* below *url_prefix*, as if they
        were files; no Python runs for them.

        archive_file: counts from the working directory; it may be replaced while the server runs.
        port: a port's name, or -1 or 0 for the main one.

        Of all that have a URL's path the one with most components of it answers, and of equal ones
        a handler, then a directory; of archives at one prefix the first that has the file.  What it
        has not is left to the others.  Raises OperationFailed for what is no file.
        """
        archives = self.registry.port(port_name(port)).archives
        archives.append(archive_mount(archive_file, url_prefix))
        self.registry.take_effect(archives.pop)

    def registerOpdefPath(self, url_prefix: str = "/opdef", port: int | str = -1) -> None:
        """Have sections of Houdini's digital assets answer below *url_prefix*, each by its name as
        the query: ``/opdef/obj/geo?Help``.

        port: a port's name, or -1 or 0 for the main one.  Raises OperationFailed where there is no
        module hou that has them.
        """
        route = Route(url_prefix, True, opdef_handler(url_prefix))
        self.registry.add(route, [port_name(port)])

    def registerWSGIApp(
        self,
        application: WSGIApplication | tuple[()] = (),
        path: str | None = None,
        ports: Sequence[str] = (),
    ) -> None:
        """Have a WSGI *application* answer all at and below *path*, which is "/" by default.

        Raises OperationFailed for what is no application.
        """
        if not callable(application):
            raise OperationFailed(f"a WSGI application is a callable, not {application!r}")
        where = "/" if path is None else path
        self.registry.add(Route(where, True, wsgi_handler(application, where)), ports)

    def registerASGIApp(
        self,
        application: ASGIApplication | tuple[()] = (),
        path: str | None = None,
        ports: Sequence[str] = (),
    ) -> None:
        """Have an ASGI *application* answer all at and below *path*, which is "/" by default:
        requests and WebSockets.

        Raises OperationFailed for what is no application.
        """
        from .asgi import asgi_handler  # which imports asyncio

        where = "/" if path is None else path
        route = Route(where, True, asgi_handler(application, where))  # type: ignore[arg-type]

        taking: list[Port] = []

        def register(port: Port) -> None:
            port.routes.append(route)
            port.sockets.append(route)
            taking.append(port)

        def undo() -> None:
            for port in taking:
                port.routes.remove(route)
                port.sockets.remove(route)

        self.registry.each(ports, register)
        self.registry.take_effect(undo)

    def setSettingsForPort(self, settings: dict[str, Any], port_name: str = "") -> None:
        """Set what a port listens at, logs, and whom it serves; keys that are left out stay.

        Raises OperationFailed for unknown keys and for values that they cannot have.
        """
        port = self.registry.port(port_name)
        before = port.settings
        port.settings = {**before, **checked(settings)}
        self.registry.take_effect(lambda: setattr(port, "settings", before))

    def setPortInfo(
        self,
        name: str = "",
        port: int | None = None,
        max_port: int | None = None,
        allow_system_port: bool | None = None,
        address: str | None = None,
        ipv6: bool | None = None,
        allowed_hosts: Sequence[str] | None = None,
        use_x_forwarded_host: bool | None = None,
    ) -> None:
        """Do what setSettingsForPort() does with the keys of these names."""
        settings = {
            "PORT": port,
            "MAX_PORT": max_port,
            "ALLOW_SYSTEM_PORT": allow_system_port,
            "ADDRESS": address,
            "IPV6": ipv6,
            "ALLOWED_HOSTS": allowed_hosts,
            "USE_X_FORWARDED_HOST": use_x_forwarded_host,
        }
        self.setSettingsForPort(settings, name)

    def setLogInfo(
        self,
        name: str = "",
        log_file: str | PathLike[str] | None = None,
        min_log_severity: webServerSeverity | None = None,
    ) -> None:
        """Do what setSettingsForPort() does with the keys of these names."""
        settings = {"LOG_FILE": log_file, "MIN_LOG_SEVERITY": min_log_severity}
        self.setSettingsForPort(settings, name)

    def setSSL(
        self,
        name: str = "",
        certificate: str | PathLike[str] | None = None,
        certificate_key: str | PathLike[str] | None = None,
        dh_params: str | PathLike[str] | None = None,
        verify_peer: bool | None = None,
        redirect: bool | None = None,
        redirect_host: str | None = None,
        redirect_exempt: Sequence[str] | None = None,
    ) -> None:
        """Do what setSettingsForPort() does with the keys of these names after ``SSL_``."""
        settings = {
            "SSL_CERTIFICATE": certificate,
            "SSL_CERTIFICATE_KEY": certificate_key,
            "SSL_DH_PARAMS": dh_params,
            "SSL_VERIFY_PEER": verify_peer,
            "SSL_REDIRECT": redirect,
            "SSL_REDIRECT_HOST": redirect_host,
            "SSL_REDIRECT_EXEMPT": redirect_exempt,
        }
        self.setSettingsForPort(settings, name)

    def setSecurity(
        self,
        name: str = "",
        hsts_seconds: int | None = None,
        hsts_include_subdomains: bool | None = None,
        hsts_preload: bool | None = None,
        allowed_hosts: Sequence[str] | None = None,
    ) -> None:
        """Do what setSettingsForPort() does with ALLOWED_HOSTS and the keys of these names after
        ``SECURE_``."""
        settings = {
            "SECURE_HSTS_SECONDS": hsts_seconds,
            "SECURE_HSTS_INCLUDE_SUBDOMAINS": hsts_include_subdomains,
            "SECURE_HSTS_PRELOAD": hsts_preload,
            "ALLOWED_HOSTS": allowed_hosts,
        }
        self.setSettingsForPort(settings, name)

    def setCORSWhitelist(self, origins: Sequence[str], port_name: str = "") -> None:
        """Do what setSettingsForPort() does with CORS_ORIGIN_WHITELIST."""
        self.setSettingsForPort({"CORS_ORIGIN_WHITELIST": origins}, port_name)

    def isInDebugMode(self) -> bool:
        """Whether run() was called with debug."""
        return self._is_in_debug_mode

    def run(
        self,
        port: int = 8008,
        debug: bool = False,
        max_num_threads: int = 4,
        in_background: bool | None = None,
        reload_source_changes: bool | None = None,
        max_in_memory_file_upload_size: int | None = None,
        max_request_size: int | None = None,
        settings: str | PathLike[str] | None = None,
        ports: Sequence[str | int] = (),
        verbosity: webServerVerbosity = webServerVerbosity.Low,
        port_callback: Callable[..., object] | None = None,
        up_to_port: int | None = None,
        use_free_port_on_failure: bool = False,
        *,
        processes: int = 1,
    ) -> None:
        """Serve what is registered until Ctrl-C, SIGTERM or requestShutdown().

        port: 0 takes a free one, -1 that of the settings.
        debug: log requests, show errors in the browser, and reload_source_changes by default.
        max_num_threads: so many requests are answered at once by each process.
        reload_source_changes: restart when a source file of the script has changed.
        max_in_memory_file_upload_size: bytes; larger files are in temporary files (2.5 MiB).
        max_request_size: bytes (3 GiB).
        settings: a file of settings: Python, JSON or TOML.
        ports: names or numbers of further ports.
        verbosity: what is shown on the console.
        port_callback: called once the server listens, with the main port's number; if it takes two
        arguments with name and number of each port.
        up_to_port: try the ports from *port* to this.
        use_free_port_on_failure: let the system choose a port if none of these is free.
        processes: of Apache, each with global variables of its own.

        Raises OperationFailed for a port that is busy or forbidden, and for whatever else keeps the
        server from running.
        """
        self._is_in_debug_mode = debug
        arguments = Arguments(
            port=port,
            debug=debug,
            max_num_threads=max_num_threads,
            in_background=in_background,
            reload_source_changes=reload_source_changes,
            max_in_memory_file_upload_size=max_in_memory_file_upload_size,
            max_request_size=max_request_size,
            settings=settings,
            ports=ports,
            verbosity=verbosity,
            port_callback=port_callback,
            up_to_port=up_to_port,
            use_free_port_on_failure=use_free_port_on_failure,
            processes=processes,
        )
        run(self, arguments)

    def requestShutdown(self) -> None:
        """End the server once the requests in progress are answered."""
        request_shutdown(self)
