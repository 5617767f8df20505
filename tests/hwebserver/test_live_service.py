"""What a server in the background does when it ends; the rest is in tests/live/test_live.py."""

import threading

import pytest

from httpdapy.hwebserver.arguments import Arguments
from httpdapy.hwebserver.enums import webServerVerbosity
from httpdapy.hwebserver.errors import OperationFailed
from httpdapy.hwebserver.live import LiveService
from httpdapy.hwebserver.server import Server


class Ending(LiveService):
    """Ends while a change waits to be followed."""

    def _start(self):
        self._answers.set()
        while self._events.empty():
            pass
        raise OperationFailed("it ends")


ARGUMENTS = Arguments(
    port=0,
    debug=False,
    max_num_threads=1,
    in_background=True,
    reload_source_changes=None,
    max_in_memory_file_upload_size=None,
    max_request_size=None,
    settings=None,
    ports=[],
    verbosity=webServerVerbosity.Low,
    port_callback=None,
    up_to_port=None,
    use_free_port_on_failure=False,
    processes=1,
)


def test_a_change_while_the_server_ends_is_refused():
    """Who waits for it does not wait in vain."""
    service = Ending(Server("ending"), ARGUMENTS, lambda how: None)
    refused = []

    def register():
        try:
            service.changed()
        except OperationFailed as error:
            refused.append(str(error))

    service._answers.set()
    thread = threading.Thread(target=register)
    thread.start()
    with pytest.raises(OperationFailed, match="it ends"):
        service.serve()
    thread.join(10)
    assert refused == ["the server has ended"]
    with pytest.raises(OperationFailed, match="the server has ended"):
        service.changed()
