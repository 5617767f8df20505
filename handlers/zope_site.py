"""The Zope site of this process.  Importing this imports Zope; nothing starts before start()."""

from __future__ import annotations

import atexit
import time
from threading import Lock
from typing import TYPE_CHECKING, Any

import Zope2
from App.config import getConfiguration
from zc.lockfile import LockError
from ZConfig import ConfigurationError
from zope.event import subscribers
from Zope2.Startup.run import make_wsgi_app
from ZPublisher.pubevents import PubFailure
from ZPublisher.WSGIPublisher import publish_module

from .errors import PublisherError, RequestError
from .zpublisher import ClientRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

#: How long the first start waits for a database that another process has open: that of before a
#: graceful restart, until its last requests are through.
WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_FAILURES = "httpdapy.failures"


class Site:
    """Zope, which a process can have but once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._zope_conf: Path | None = None
        self._has_waited = False
        self._failure: Exception | None = None

    def start(self, zope_conf: Path) -> None:
        """Start the site that the file *zope_conf* configures, unless it is running.

        One thread does it, the others wait.  Raises PublisherError for a file that is not there
        and for a second site, RequestError (503) while another process has the database open, and
        what Zope raises.  The next request tries again, unless Zope was half through.
        """
        if self._zope_conf == zope_conf:
            return
        with self._lock:
            if self._zope_conf is None:
                self._check(zope_conf)
                self._start(zope_conf)
                subscribers.append(_note_failure)
                atexit.register(_close_databases)
                self._zope_conf = zope_conf
            elif self._zope_conf != zope_conf:
                raise PublisherError(
                    f"zope_conf {zope_conf}: this process runs the site of {self._zope_conf}, and "
                    "Zope can run but one in a process. Mount the database of the one in the other "
                    "(zodb_db in zope.conf), or serve it with another Apache"
                )

    def _check(self, zope_conf: Path) -> None:
        if self._failure is not None:
            raise PublisherError(
                f"zope_conf {zope_conf}: Zope has failed to start, and cannot start twice in a "
                "process. Mend what it says and restart Apache"
            ) from self._failure
        if not zope_conf.is_absolute():
            raise PublisherError(
                f"zope_conf {zope_conf}: outside of .htaccess and <Directory> name the whole path"
            )
        if not zope_conf.is_file():
            raise PublisherError(
                f"zope_conf {zope_conf}: Apache's user finds no such file. Make a site with "
                "mkwsgiinstance, and name the zope.conf in its directory etc"
            )

    def _start(self, zope_conf: Path) -> None:
        give_up_at = time.monotonic() + (0 if self._has_waited else WAIT_SECONDS)
        self._has_waited = True
        while True:
            try:
                make_wsgi_app({}, str(zope_conf))
                return
            except LockError as error:
                _back_to_the_beginning()
                if time.monotonic() >= give_up_at:
                    raise RequestError(
                        f"zope_conf {zope_conf}: {error}: another process has the site's database "
                        "open. Let Apache have one process (MaxRequestWorkers no more than "
                        "ThreadsPerChild), or the site a database for several, ZEO or RelStorage",
                        503,
                    ) from error
            except (ConfigurationError, OSError) as error:
                _back_to_the_beginning()
                if isinstance(error, PermissionError):
                    error.add_note(
                        f"{zope_conf} leads to this file. Apache's user needs write permission for "
                        "the site's directory var and for what is in it"
                    )
                raise
            except Exception as error:
                self._failure = error
                raise
            time.sleep(_POLL_SECONDS)

    def publish(
        self,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        failures: list[Exception],
    ) -> Iterable[bytes]:
        """Answer as a WSGI application.

        failures: takes the exceptions for which the site makes the page itself.
        """
        environ[_FAILURES] = failures
        answer: Iterable[bytes] = publish_module(
            environ, start_response, _request_factory=ClientRequest
        )
        return answer


def _back_to_the_beginning() -> None:
    """Let Zope start again, which has got no further than opening its databases."""
    _close_databases()
    Zope2._began_startup = 0


def _close_databases() -> None:
    """Close them, which saves the index of a FileStorage."""
    for database in getattr(getConfiguration().dbtab, "databases", {}).values():
        database.close()


def _note_failure(event: object) -> None:
    if isinstance(event, PubFailure) and not event.retry:
        failures = event.request.environ.get(_FAILURES)
        if failures is not None:
            failures.append(event.exc_info[1])


site = Site()
