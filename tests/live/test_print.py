"""print, hooked to the client."""

import contextlib
import http.client
import socket
import struct

import pytest
from support.site import Site, at_once, running_server, wait_for


def page(site: Site, *lines: str, before: str = "", more: str = "", name: str = "page.py") -> None:
    """A script whose Content() consists of *lines*; stdout is hooked by them."""
    body = "".join(f"        {line}\n" for line in lines)
    site.write(
        name,
        f"import httpdapi, os, sys, threading, time\n{before}\n"
        "class RequestHandler(httpdapi.RequestHandler):\n"
        "    content_type = 'text/plain'\n"
        f"    def Content(self):\n{body}\n{more}\n",
    )


HOOK = "self.hook_stdout()"
#: Waits until the test has written a file of that name.
WAIT = "while not os.path.exists('go'): time.sleep(.005)"


@contextlib.contextmanager
def response(site: Site, path: str = "page.py"):
    connection = http.client.HTTPConnection("127.0.0.1", site.server.server.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", f"{site.url}/{path}")
        yield connection.getresponse()


# ---- what the client gets -----------------------------------------------------------------------


def test_print_goes_to_the_client(site: Site):
    page(site, HOOK, "print('one', 2)", "print()", "print('three', end='')")
    answer = site.get("page.py")
    assert (answer.status, answer.text) == (200, "one 2\n\nthree")
    assert answer.type == "text/plain; charset=utf-8"


def test_print_goes_to_the_log_before_hook_and_after_unhook(site: Site):
    page(
        site,
        "self.unhook_stdout()",  # which was not hooked
        "print('before it')",
        HOOK,
        "print('to the client')",
        "self.unhook_stdout()",
        "self.unhook_stdout()",
        "print('after it')",
    )
    for text in ("page.py] before it", "page.py] after it"):
        site.log.expect(text)
    assert site.text("page.py") == "to the client\n"


def test_hooking_twice_is_hooking_once(site: Site):
    page(site, HOOK, HOOK, "print('a')", HOOK, "self.unhook_stdout()", "print('logged')")
    site.log.expect("page.py] logged")
    assert site.text("page.py") == "a\n"


def test_hooking_again_goes_on(site: Site):
    page(site, HOOK, "print('a')", "self.unhook_stdout()", HOOK, "print('b')")
    assert site.text("page.py") == "a\nb\n"


def test_save_stdout_is_where_print_went_before(site: Site):
    page(
        site,
        "found = [hasattr(self, 'save_stdout')]",
        HOOK,
        "print('to the client', found)",
        "print('to the log', file=self.save_stdout)",
    )
    site.log.expect("to the log")
    assert site.text("page.py") == "to the client [False]\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("'end é'", "printed ü\nend é"),
        ("'end é'.encode()", "printed ü\nend é"),
        ("iter(['a', b'b', 3])", "printed ü\nab3"),
        ("''", "printed ü\n"),
        ("None", "printed ü\n"),
    ],
)
def test_decision_18_what_content_returns_comes_after_what_it_prints(
    site: Site, content: str, expected: str
):
    page(site, HOOK, "print('printed ü')", f"return {content}")
    assert site.text("page.py") == expected


def test_decision_19_print_without_a_content_type_is_html(site: Site):
    site.write(
        "page.py",
        "import httpdapi\nclass RequestHandler(httpdapi.RequestHandler):\n"
        "    def Content(self):\n        self.hook_stdout()\n        print('<p>é')\n",
    )
    answer = site.get("page.py")
    assert (answer.type, answer.text) == ("text/html; charset=utf-8", "<p>é\n")


def test_first_print_sends_what_is_known_of_the_answer(site: Site):
    page(
        site,
        HOOK,
        "self.content_type = 'text/csv'",
        "self.rq.srvhdrs['X-Before'] = 'yes'",
        "self.rq.protocol_status(self.sn, httpdapi.PROTOCOL_NOT_FOUND)",
        "print('a,b')",
        "self.content_type = 'text/html'",
        "self.rq.srvhdrs['X-After'] = 'no'",
        "self.redirect = '/nowhere'",
    )
    answer = site.get("page.py")
    assert (answer.status, answer.type) == (404, "text/csv; charset=utf-8")
    assert answer.headers["X-Before"] == "yes" and "X-After" not in answer.headers
    assert "Location" not in answer.headers and answer.text == "a,b\n"


def test_print_with_a_redirect(site: Site):
    page(site, HOOK, "self.redirect = '/é'", "print('moved')")
    answer = site.get("page.py")
    assert (answer.status, answer.headers["Location"]) == (302, "/%C3%A9")
    assert answer.text == "moved\n"


def test_content_type_in_srvhdrs_wins(site: Site):
    page(site, "self.rq.srvhdrs['content-type'] = 'text/x-own'", HOOK, "print('x')")
    assert site.get("page.py").type == "text/x-own; charset=utf-8"


def test_print_of_nothing_does_not_begin_the_answer(site: Site):
    page(
        site,
        HOOK,
        "print(end='')",
        "sys.stdout.flush()",
        "sys.stdout.buffer.write(b'')",
        "begun = self.rq.response_started",
        "self.content_type = 'text/x-late'",
        "print(begun)",
        "print(self.rq.response_started)",
    )
    answer = site.get("page.py")
    assert (answer.text, answer.type) == ("0\n1\n", "text/x-late; charset=utf-8")


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("iso-8859-1", "latin-1"), ("utf-8", "utf-8"), ("utf-16", "utf-16"), ("UTF8", "utf-8")],
)
def test_charset_of_the_content_type(site: Site, charset: str, codec: str):
    page(
        site,
        f"self.content_type = 'text/plain; charset={charset}'",
        HOOK,
        "print('é')",
        "print('ü')",
        "print(sys.stdout.encoding)",
    )
    assert site.get("page.py").body.decode(codec) == f"é\nü\n{charset}\n"


def test_text_that_the_charset_lacks_is_an_error(site: Site):
    page(site, "self.content_type = 'text/plain; charset=ascii'", HOOK, "print('é')")
    site.log.expect("page.py: UnicodeEncodeError")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


def test_headers_that_cannot_be_sent_are_an_error(site: Site):
    page(
        site,
        "self.rq.srvhdrs['Content-Length'] = 'long'",
        HOOK,
        "try: print('x')",
        "except ValueError: del self.rq.srvhdrs['Content-Length']",
        "print(self.rq.response_started)",
    )
    assert site.text("page.py") == "0\n"
    page(site, "self.rq.srvhdrs['Content-Length'] = 'long'", HOOK, "print('x')")
    site.log.expect("page.py: ValueError: header 'Content-Length': 'long' is no length")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


def test_head(site: Site):
    page(site, HOOK, "print('x' * 100_000)", "return 'end'")
    answer = site.request("HEAD", "page.py")
    assert (answer.status, answer.body) == (200, b"")


def test_declared_length_holds(site: Site):
    page(
        site,
        "self.rq.srvhdrs['Content-Length'] = '5'",
        HOOK,
        "for n in range(10_000): print(n)",
    )
    with response(site) as answer:
        assert answer.read() == b"0\n1\n2"


@pytest.mark.parametrize("count", [100, 5_000])
def test_many_lines(site: Site, count: int):
    page(site, HOOK, f"for n in range({count}): print('line', n)")
    assert site.text("page.py") == "".join(f"line {n}\n" for n in range(count))


def test_large_text(site: Site):
    page(site, HOOK, "print('<', end='')", "print('x' * 3_000_000)", "print('>')")
    assert site.get("page.py").body == b"<" + b"x" * 3_000_000 + b"\n>\n"


def test_print_keeps_its_place_among_other_output(site: Site):
    site.write("file.txt", "file")
    page(
        site,
        HOOK,
        "print('a', end='')",
        "self.sn.net_write('b')",
        "print('c', end='')",
        "self.req.sendfile('file.txt')",
        "print('d', end='')",
        "self.req.flush()",
        "sys.stdout.buffer.write(b'e')",
        "print('f', end='', flush=True)",
        "self.req.write(b'g')",
        "return 'h'",
    )
    assert site.text("page.py") == "abcfiledefgh"


def test_print_after_the_page(site: Site):
    page(
        site,
        "self.hook_stdout()",
        "return 'page '",
        more="    def Send(self, content):\n        super().Send(content)\n"
        "        print('and more')\n",
    )
    assert site.text("page.py") == "page and more\n"


def test_the_request_can_be_used_between_prints(site: Site):
    page(
        site,
        HOOK,
        "for n in range(300):",
        "    print(n, self.req.read(1), self.req.uri[-7:], self.req.environment['SERVER_NAME'])",
        "    time.sleep(n % 50 == 0 and .02)",
        "self.req.log('in between')",
        "print(self.req.readline(), list(self.req))",
    )
    site.log.expect("in between")
    answer = site.request("POST", "page.py", b"x" * 300 + b"line\nlast")
    lines = answer.text.splitlines()
    assert len(lines) == 301 and lines[299].startswith("299 b'x' page.py ")
    assert lines[300] == "b'line\\n' [b'last']"


def test_stdout_has_what_files_have(site: Site):
    page(
        site,
        HOOK,
        "o = sys.stdout",
        "found = [o.write('é'), o.tell(), o.isatty(), o.read(), o.readline(), o.readlines()]",
        "found += [o.flush(), o.seek(0), o.close(), o.writelines(['a', 'b']), o.closed]",
        "found += [o.readable(), o.writable(), o.seekable(), o.encoding, o.errors]",
        "found += [o.buffer.write(b'\\n'), o.buffer.flush(), o.tell()]",
        "return repr(found)",
    )
    text, found = site.text("page.py").split("\n")
    assert text == "éab"
    assert eval(found) == [
        *(1, 1, False, "", "", []),
        *(None, None, None, None, False),
        *(False, True, False, "utf-8", "strict"),
        *(1, None, 4),
    ]


@pytest.mark.parametrize("what", ["b'bytes'", "None", "5"])
def test_what_is_written_is_text(site: Site, what: str):
    page(site, HOOK, f"sys.stdout.write({what})")
    site.log.expect(f"what is printed is str, not {what}; bytes go to sys.stdout.buffer")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


# ---- at once ------------------------------------------------------------------------------------


def test_lines_arrive_as_they_are_printed(site: Site):
    page(site, HOOK, "print('first')", WAIT, "print('second')")
    with response(site) as answer:
        assert answer.read(6) == b"first\n"
        site.write("go", "")
        assert answer.read() == b"second\n"


def test_what_is_joined_does_not_wait_for_the_next_print(site: Site):
    page(site, HOOK, "for n in range(50): print(n)", "print('no end', end='')", WAIT)
    expected = "".join(f"{n}\n" for n in range(50)) + "no end"
    with response(site) as answer:
        assert answer.read(len(expected)).decode() == expected
        site.write("go", "")
        assert answer.read() == b""


def test_what_is_joined_goes_out_while_the_script_computes(site: Site):
    page(site, HOOK, "print('a')", "print('b')", "while not os.path.exists('go'): sum(range(1000))")
    with response(site) as answer:
        assert answer.read(4) == b"a\nb\n"
        site.write("go", "")
        assert answer.read() == b""


def test_flush_sends_at_once_whoever_calls_it(site: Site):
    page(
        site,
        HOOK,
        "print('own', flush=True)",
        "t = threading.Thread(target=print, args=['thread'], kwargs={'flush': True})",
        "t.start(); t.join()",
        "print('rest'); sys.stdout.flush()",
        WAIT,
    )
    with response(site) as answer:
        assert answer.read(16) == b"own\nthread\nrest\n"
        site.write("go", "")
        assert answer.read() == b""


def test_print_while_another_use_of_the_request_has_begun(site: Site):
    site.write("file.txt", "file")
    page(
        site,
        HOOK,
        "self.req.sendfile(Path())",
        before="class Path:\n    def __fspath__(self):\n"
        "        for n in range(3): print('x' * 10_000)\n        return 'file.txt'\n",
    )
    assert site.text("page.py") == ("x" * 10_000 + "\n") * 3 + "file"


def test_a_client_that_does_not_read_holds_up_no_other(site: Site):
    page(site, HOOK, "for n in range(2000): print('x' * 8000); n % 100 or time.sleep(.012)")
    page(site, HOOK, "print('first')", "print('second')", WAIT, name="other.py")
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            silent = stack.enter_context(
                socket.create_connection(("127.0.0.1", site.server.server.port), 20)
            )
            silent.sendall(f"GET {site.url}/page.py HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert silent.recv(1000)
        with response(site, "other.py") as answer:
            assert answer.read(13) == b"first\nsecond\n"
            site.write("go", "")


def test_printing_slowly_leaves_no_threads(site: Site):
    slowly = "for n in range(4): print(n); time.sleep(.012)"
    page(site, HOOK, slowly)
    page(site, "return str(len(os.listdir('/proc/self/task')))", name="threads.py")
    assert site.text("page.py") == "0\n1\n2\n3\n"
    number = site.text("threads.py")
    at_once([lambda: site.text("page.py") for _ in range(4)])
    wait_for("the threads' end", lambda: site.text("threads.py") == number)


@pytest.mark.parametrize(
    "forever",
    ["print('x' * 1000)", "print('x'); time.sleep(.001)", "print('x', flush=True)"],
    ids=["much", "little", "flush"],
)
def test_print_to_a_client_that_is_gone_raises(site: Site, forever: str):
    site.path.chmod(0o777)
    page(
        site,
        HOOK,
        "try:",
        f"    while True: {forever}",
        "except OSError as error:",
        "    first = type(error).__name__",
        "try:",
        "    print('again')",
        "except OSError as error:",
        "    open('gone', 'w').write(f'{first} {type(error).__name__}')",
        "    raise",
    )
    with socket.create_connection(("127.0.0.1", site.server.server.port), 10) as connection:
        connection.sendall(f"GET {site.url}/page.py HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone = site.path / "gone"
    wait_for("the end of the loop", lambda: gone.exists() and gone.read_text())
    assert gone.read_text() == "ClientGoneError ClientGoneError"


# ---- requests and threads -----------------------------------------------------------------------


def test_eight_requests_that_print_at_once_never_mix(site: Site):
    page(
        site,
        "barrier.wait()",
        HOOK,
        "for n in range(300):",
        "    print(self.req.args, n)",
        "    n % 10 or time.sleep(0)",
        before="barrier = threading.Barrier(8)",
    )
    answers = at_once([lambda n=n: site.text(f"page.py?{n}") for n in range(8)])
    assert answers == ["".join(f"{n} {line}\n" for line in range(300)) for n in range(8)]


def test_a_request_that_is_not_hooked_prints_to_the_log_meanwhile(site: Site):
    page(site, HOOK, "print('hooked')", WAIT)
    page(site, "print('not hooked')", "return 'other'", name="other.py")
    site.log.expect("other.py] not hooked")
    with response(site) as answer:
        assert answer.read(7) == b"hooked\n"
        assert site.text("other.py") == "other"
        site.write("go", "")
        assert answer.read() == b""


def test_threads_of_a_handler_print_to_its_client_in_whole_lines(site: Site):
    page(
        site,
        HOOK,
        "def work(n):",
        "    for line in range(200): print(f'thread {n} line {line}')",
        "threads = [threading.Thread(target=work, args=[n]) for n in range(8)]",
        "for t in threads: t.start()",
        "for t in threads: t.join()",
        "print('all')",
    )
    *lines, last = site.text("page.py").splitlines()
    assert last == "all"
    for n in range(8):
        own = [line for line in lines if line.startswith(f"thread {n} ")]
        assert own == [f"thread {n} line {line}" for line in range(200)]
    assert len(lines) == 1600


def test_threads_of_several_handlers_never_mix(site: Site):
    page(
        site,
        "barrier.wait()",
        HOOK,
        "work = lambda: [print(self.req.args) for _ in range(200)]",
        "threads = [threading.Thread(target=work) for _ in range(4)]",
        "for t in threads: t.start()",
        "for t in threads: t.join()",
        before="barrier = threading.Barrier(4)",
    )
    answers = at_once([lambda n=n: site.text(f"page.py?{n}") for n in range(4)])
    assert answers == [f"{n}\n" * 800 for n in range(4)]


def test_a_thread_may_print_first_and_much(site: Site):
    page(
        site,
        HOOK,
        "t = threading.Thread(target=print, args=['x' * 100_000])",
        "t.start(); t.join()",
        "print('end')",
    )
    assert site.get("page.py").body == b"x" * 100_000 + b"\nend\n"


def test_threads_print_arguments_of_any_length_in_whole_lines(site: Site):
    page(
        site,
        HOOK,
        "def work(n):",
        "    for line in range(30): print(n, 'x' * (n * 1000), line)",
        "threads = [threading.Thread(target=work, args=[n]) for n in range(1, 8)]",
        "for t in threads: t.start()",
        "for line in range(30): print(0, 'own', line)",
        "for t in threads: t.join()",
    )
    found = [line.split() for line in site.text("page.py").splitlines()]
    assert all(x == ("x" * (int(n) * 1000) if n != "0" else "own") for n, x, _ in found)
    for n in range(8):
        assert [line for m, _, line in found if m == str(n)] == [str(line) for line in range(30)]


def test_lines_of_threads_keep_their_order(site: Site):
    page(
        site,
        HOOK,
        "def say(*what): t = threading.Thread(target=print, args=what); t.start(); t.join()",
        "for n in range(3): say('thread', n); print('own', n)",
        "print('unended ', end='')",
        "say('thread')",
        "print('end')",
    )
    *lines, first, second = site.text("page.py").splitlines()
    assert lines == [f"{who} {n}" for n in range(3) for who in ("thread", "own")]
    # whose line is finished first, as the thread's goes out at once or with the next line
    assert {first, second} in ({"unended thread", "end"}, {"unended end", "thread"})


def test_a_subclass_of_thread_runs_as_it_does_without(site: Site):
    page(
        site,
        HOOK,
        "t = Work(name='mine')",
        "t.start(); t.join()",
        "print(t.done, t.is_alive(), 'run' in t.__dict__)",
        before="class Work(threading.Thread):\n"
        "    def run(self):\n        print(threading.current_thread().name)\n"
        "        self.done = True\n",
    )
    assert site.text("page.py") == "mine\nTrue False False\n"


def test_asyncio(site: Site):
    page(
        site,
        HOOK,
        "async def work(n):",
        "    await asyncio.sleep(0)",
        "    print('task', n)",
        "    await asyncio.to_thread(print, 'thread', n)",
        "async def main():",
        "    await asyncio.gather(*(work(n) for n in range(5)))",
        "asyncio.run(main())",
        before="import asyncio",
    )
    expected = [f"{kind} {n}" for kind in ("task", "thread") for n in range(5)]
    assert sorted(site.text("page.py").splitlines()) == expected


def test_hook_in_a_task_is_that_tasks(site: Site):
    page(
        site,
        "async def hooked():",
        "    self.hook_stdout()",
        "    await asyncio.sleep(.01)",
        "    print('to the client')",
        "async def other():",
        "    print('to the log')",
        "async def main():",
        "    await asyncio.gather(hooked(), other())",
        "asyncio.run(main())",
        before="import asyncio",
    )
    site.log.expect("to the log")
    assert site.text("page.py") == "to the client\n"


def test_an_executors_threads_print_to_the_log(site: Site):
    """They work for other requests, too."""
    page(
        site,
        HOOK,
        "pool.submit(print, 'of', self.req.args).result()",
        "print('own')",
        before="from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)",
    )
    for n in range(2):
        site.log.expect(f"of {n}")
        assert site.text(f"page.py?{n}") == "own\n"


def test_a_thread_that_outlives_its_request_prints_to_the_log(site: Site):
    page(
        site,
        "if self.req.args: over.set(); threads[0].join(); return 'told'",
        HOOK,
        "def late():",
        "    print('early')",
        "    over.wait(10)",
        "    print('late')",
        "threads.append(threading.Thread(target=late))",
        "threads[0].start()",
        "time.sleep(.05)",
        "print('end')",
        before="over = threading.Event()\nthreads = []",
    )
    assert site.text("page.py") == "early\nend\n"
    site.log.expect("late")
    assert site.text("page.py?over") == "told"


def test_a_forked_process_prints_to_the_log():
    """What it writes to the connection would come between its parent's."""
    with running_server(threads=1) as server:
        site = Site(server)
        site.htaccess("PythonInterpreter main_interpreter")
        page(
            site,
            HOOK,
            "print('before')",
            "pid = os.fork()",
            "if not pid: print('forked', flush=True); os._exit(0)",
            "os.waitpid(pid, 0)",
            "print('after')",
            before="import warnings\nwarnings.simplefilter('ignore')",
        )
        assert site.text("page.py") == "before\nafter\n"
        assert "forked" in site.logged()


@pytest.fixture(scope="module")
def one_thread(way: str):
    with running_server(threads=1) as server:
        yield server


def test_the_end_of_the_request_unhooks(one_thread):
    site = Site(one_thread)
    page(site, HOOK, "print('hooked')", "self.args[:] or 1 / 0 if self.req.args else 0")
    page(site, "print('not hooked')", "return 'other'", name="other.py")
    for path in ("page.py", "page.py?fail"):
        with contextlib.suppress(http.client.IncompleteRead):
            assert site.text(path) == "hooked\n"
        if "fail" in path:
            site.log.expect("page.py: AttributeError")
            site.log.expect("page.py]")
        site.log.expect("other.py] not hooked")
        assert site.text("other.py") == "other"
        one_thread.settle()
        site.log.check()


def test_nothing_of_the_handler_is_kept(one_thread):
    site = Site(one_thread)
    page(
        site,
        "gone = [ref() is None for ref in refs]",
        "refs[:] = [weakref.ref(self)]",
        HOOK,
        "print(gone)",
        before="import weakref\nrefs = []",
    )
    found = [site.text("page.py") for _ in range(3)]
    assert found == ["[]\n", "[True]\n", "[True]\n"]


def test_stdout_kept_from_a_request_is_that_of_who_uses_it(site: Site):
    page(
        site,
        HOOK,
        "kept.append(sys.stdout)",
        "print('own', self.req.args, file=kept[0])",
        before="kept = []",
    )
    assert [site.text(f"page.py?{n}") for n in range(3)] == [f"own {n}\n" for n in range(3)]


# ---- failures -----------------------------------------------------------------------------------


def test_an_error_after_print_cuts_the_answer_short(site: Site):
    page(site, HOOK, "print('begun')", "1 / 0")
    site.log.expect("page.py: ZeroDivisionError")
    site.log.expect("page.py]")
    with response(site) as answer, pytest.raises(http.client.IncompleteRead) as error:
        assert answer.status == 200
        answer.read()
    assert error.value.partial == b"begun\n"


def test_an_error_after_print_with_debug_goes_on_the_page(site: Site):
    site.htaccess("PythonOption debug 1")
    page(site, HOOK, "print('begun')", "raise KeyError('<half way>')")
    site.log.expect("page.py")
    text = site.text("page.py")
    assert text.startswith("begun\n") and "&lt;half way&gt;" in text


def test_an_authhandler_has_no_client_to_print_to(site: Site):
    site.htaccess("AuthPythonModule auth", "AuthType Basic", "AuthName x", "Require valid-user")
    site.write(
        "auth.py",
        "import httpdapi\nclass AuthHandler(httpdapi.AuthHandler):\n"
        "    def Handle(self):\n        self.hook_stdout()\n        print('hello')\n"
        "        return httpdapi.REQ_PROCEED\n",
    )
    page(site, "return 'secret'")
    site.log.expect("an AuthHandler decides and does not answer")
    site.log.expect("AuthPythonModule auth")
    site.log.expect("page.py]")
    answer = site.get("page.py", Authorization="Basic eDp5")
    assert answer.status == 500 and "hello" not in answer.text
