"""AuthPythonModule: asks the AuthHandler of a module whether a request may pass."""

from __future__ import annotations

from ..handlers.auth import AuthHandler
from ..handlers.errors import NoCredentialsError
from ..handlers.exits import SERVER_RETURN, excerpt, result_name
from .secrets import hide_credentials
from .urls import NoModuleError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from .modules import Modules
    from .search import Search
    from .served import ServedRequest

_DEBUG = "DEBUG"
_OK = 0


class Authenticator:
    """Decides for the requests of one interpreter.  Whatever goes wrong is a denial."""

    def __init__(self, modules: Modules, search: Search) -> None:
        self._modules = modules
        self._search = search

    def decide(self, request: ServedRequest, name: str) -> int:
        """0 if *request* may pass, else the status of the denial.

        name: value of AuthPythonModule; with DEBUG at its end the module is loaded anew each time.
        """
        try:
            return self._decide(request, name)
        except BaseException as error:  # noqa: BLE001 - sys.exit() in a script, too, denies
            from . import failures

            text = failures.describe(error, f"AuthPythonModule {name}", request.directory)
            request.log(hide_credentials(text, request.headers_in))
            return 500

    def _decide(self, request: ServedRequest, name: str) -> int:
        module = self._module(request, name)
        handler = getattr(module, "AuthHandler", None)
        if not (isinstance(handler, type) and issubclass(handler, AuthHandler)):
            raise TypeError(
                f"{module.__file__} defines no class AuthHandler that is a subclass of "
                "httpdapi.AuthHandler"
            )
        try:
            result = handler.for_request(request).Handle()
        except NoCredentialsError:
            return 401
        except SERVER_RETURN as error:
            result, status = error.outcome()
            if status:
                request.status = status
                if status >= 300 and result == "REQ_PROCEED":  # what says both denies
                    result = "REQ_ABORTED"
        said = result_name(result)
        if said == "REQ_PROCEED":
            return _OK
        if said == "REQ_NOACTION":
            return 401
        if said == "REQ_ABORTED":
            return request.status if request.status >= 300 else 500
        request.log(
            f"AuthPythonModule {name}: Handle() returned {excerpt(result)}, which is no answer"
        )
        return 500

    def _module(self, request: ServedRequest, name: str) -> ModuleType:
        settings, modules, search = request.settings, self._modules, self._search
        always = name.endswith(_DEBUG) and name != _DEBUG
        if always:
            name = name.removesuffix(_DEBUG)
        source = search.named(name, settings)
        search.prepare(settings)
        module = None
        if not always:
            looked = request.looked
            current = settings.autoreload
            module = modules.current(source, "", looked) if current else modules.loaded(source)
        if module is not None:
            files = modules.watch_list(source, looked)
            if files:
                request.watch(files)
            return module
        search.prepare_to_load(source, settings)
        try:
            return modules.load(source, settings.directory, always=always)
        except NoModuleError:
            search.forget_named(name, settings)  # it may have moved
            found = search.named(name, settings)
            if found == source:
                raise
            return modules.load(found, settings.directory, always=always)
