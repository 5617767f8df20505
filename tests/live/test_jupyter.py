"""A notebook defines a handler in a cell, serves it, calls it, changes it, and shuts down."""

import os

import nbformat
import pytest
from nbclient import NotebookClient

#: Nothing here depends on the way into Python.
ONE_WAY = True

CELLS = [
    "import os, urllib.request, hwebserver\n"
    "ports = []\n"
    "def ask(path):\n"
    "    with urllib.request.urlopen(f'http://127.0.0.1:{ports[0]}{path}') as answer:\n"
    "        return answer.read().decode()",
    "table = {'rows': 1}\n"
    "@hwebserver.urlHandler('/rows')\n"
    "def rows(request):\n"
    "    return hwebserver.Response(f\"{table['rows']} in {os.getpid()}\")",
    "hwebserver.run(0, port_callback=ports.append)",
    "print(ask('/rows') == f'1 in {os.getpid()}')",
    "table['rows'] = 2\nprint(ask('/rows') == f'2 in {os.getpid()}')",
    "@hwebserver.urlHandler('/rows')\n"
    "async def rows(request):\n"
    "    return hwebserver.Response(f\"now {table['rows']}\")\n"
    "print(ask('/rows'))",
    "hwebserver.requestShutdown()\n"
    "import time, socket\n"
    "deadline = time.monotonic() + 5\n"
    "while socket.socket().connect_ex(('127.0.0.1', ports[0])) == 0:\n"
    "    assert time.monotonic() < deadline\n"
    "print('free')",
    "del ports[:]\nhwebserver.run(0, port_callback=ports.append)\nprint(ask('/rows'))",
]


@pytest.mark.filterwarnings("ignore")  # Jupyter's own
def test_a_notebook(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    for directory in (tmp_path, *tmp_path.parents[:3]):
        if str(directory).startswith(os.path.realpath("/tmp")) and str(directory) != "/tmp":
            directory.chmod(0o755)  # Apache's user comes to its own directory
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=where).execute()
    printed = [
        "".join(o["text"] for o in cell["outputs"] if o.get("name") == "stdout").split()
        for cell in notebook["cells"]
    ]
    assert printed[3:] == [["True"], ["True"], ["now", "2"], ["free"], ["now", "2"]]
    assert not [
        o for cell in notebook["cells"] for o in cell["outputs"] if o.get("name") == "stderr"
    ]
    left = [each for each in tmp_path.iterdir() if each.name.startswith("httpdapy-")]
    assert left == []
