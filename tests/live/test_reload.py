"""Autoreload: a change is seen at once, by one load, or not at all."""

import os
import threading

import pytest
from support.site import Site, at_once, running_server, wait_for

STAMP = "import time\nSTAMP = time.time_ns()"


def stamp_handler(site: Site, name: str = "page.py", before: str = "") -> None:
    site.handler(name, "str(STAMP)", f"{STAMP}\n{before}")


def test_edit_in_place_within_the_same_second(site: Site):
    path = site.handler("page.py", "'a'")
    for letter in "bcdefghij":
        old = os.stat(path)
        path.write_text(path.read_text().replace(f"'{chr(ord(letter) - 1)}'", f"'{letter}'"))
        # coarse file system clocks may give both versions the same time
        if os.stat(path).st_mtime_ns == old.st_mtime_ns:
            os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns + 1_000_000))
        assert site.text("page.py") == letter


def test_restored_older_file(site: Site):
    """Decision 9: another time, not only a later one, is a change."""
    site.handler("page.py", "'old'")
    os.utime(site.path / "page.py", (1_000_000_000, 1_000_000_000))
    assert site.text("page.py") == "old"
    site.handler("page.py", "'new'")
    assert site.text("page.py") == "new"
    site.handler("page.py", "'old'")
    os.utime(site.path / "page.py", (1_000_000_000, 1_000_000_000))
    assert site.text("page.py") == "old"


def test_same_size_and_time_but_another_file(site: Site):
    """Decision 9: so is another file."""
    for text in ("aa", "bb", "cc"):
        path = site.handler("page.py", repr(text))
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert site.text("page.py") == text


def test_deleted_and_restored(site: Site):
    path = site.handler("page.py", "str(STAMP)", STAMP)
    first = site.text("page.py")
    hidden = path.with_suffix(".gone")
    path.rename(hidden)
    assert site.get("page.py").status == 404
    hidden.rename(path)
    assert site.text("page.py") == first  # the very same file: nothing to load


def test_module_becomes_a_package(site: Site):
    site.handler("page.py", "'module'")
    assert site.text("page.py") == "module"
    (site.path / "page.py").unlink()
    site.handler("page/__init__.py", "'package'")
    assert site.text("page.py") == "package"


def test_unchanged_is_not_loaded_again(site: Site):
    stamp_handler(site)
    assert len({site.text("page.py") for _ in range(20)}) == 1


def test_touched_helper_reloads_what_imports_it(site: Site):
    """Decision 10: helpers are looked at, too."""
    site.write("helper.py", "WORD = 'one'\n")
    site.write("middle.py", "import helper\ndef word():\n    return helper.WORD\n")
    site.handler("page.py", "middle.word() + ' ' + str(STAMP)", f"import middle\n{STAMP}")
    stamp_handler(site, "other.py")
    word, first = site.text("page.py").split()
    other = site.text("other.py")
    site.write("helper.py", "WORD = 'two'\n")
    changed, second = site.text("page.py").split()
    assert (word, changed) == ("one", "two")
    assert first != second
    assert site.text("other.py") == other  # imports none of it


def test_from_import_of_a_helper(site: Site):
    site.write("helper.py", "WORD = 'one'\n")
    site.handler("page.py", "WORD", "from helper import WORD")
    assert site.text("page.py") == "one"
    site.write("helper.py", "WORD = 'two'\n")
    assert site.text("page.py") == "two"


def test_two_handlers_share_a_helper(site: Site):
    site.write("helper.py", "WORD = 'one'\n")
    for name in ("a.py", "b.py"):
        site.handler(name, "WORD", "from helper import WORD")
        assert site.text(name) == "one"
    site.write("helper.py", "WORD = 'two'\n")
    assert [site.text("a.py"), site.text("b.py")] == ["two", "two"]


def test_packages_and_their_modules(site: Site):
    site.write("pkg/__init__.py", "from .part import WORD\n")
    site.write("pkg/part.py", "from . import deep\nWORD = deep.WORD\n")
    site.write("pkg/deep.py", "WORD = 'one'\n")
    site.handler("page.py", "pkg.WORD + pkg.part.WORD + pkg.deep.WORD", "import pkg.part")
    assert site.text("page.py") == "oneoneone"
    site.write("pkg/deep.py", "WORD = 'two'\n")
    assert site.text("page.py") == "twotwotwo"
    site.write("pkg/__init__.py", "from .part import WORD\nWORD += '!'\n")
    assert site.text("page.py") == "two!twotwo"


def test_helpers_that_import_each_other(site: Site):
    site.write("a.py", "import b\nWORD = 'one'\n")
    site.write("b.py", "import a\ndef word():\n    return a.WORD\n")
    site.handler("page.py", "b.word() + str(STAMP)", f"import a, b\n{STAMP}")
    first = site.text("page.py")
    assert first.startswith("one") and site.text("page.py") == first
    site.write("a.py", "import b\nWORD = 'two'\n")
    second = site.text("page.py")
    assert second.startswith("two") and site.text("page.py") == second


def test_helper_imported_inside_a_function(site: Site):
    site.write("helper.py", "WORD = 'one'\n")
    site.handler("page.py", "__import__('helper').WORD if 0 else self.word()", more=WORD_METHOD)
    assert site.text("page.py") == "one"
    site.write("helper.py", "WORD = 'two'\n")
    assert site.text("page.py") == "two"


WORD_METHOD = "    def word(self):\n        import helper\n        return helper.WORD\n"


def test_handler_imported_by_another_is_one_module(site: Site):
    site.handler("first.py", "str(STAMP)", STAMP)
    site.handler("second.py", "str(first.STAMP)", "import first")
    assert site.text("first.py") == site.text("second.py")
    site.handler("first.py", "'new ' + str(STAMP)", STAMP)
    assert site.text("first.py") == "new " + site.text("second.py")


def test_values_survive_but_old_code_does_not(site: Site):
    keep = "try:\n    cache\nexcept NameError:\n    cache = []\n"
    site.handler("page.py", "repr(cache)", f"{keep}cache.append('a')\ndef gone(): pass")
    assert site.text("page.py") == "['a']"
    site.handler("page.py", "repr((cache, 'gone' in globals()))", f"{keep}cache.append('b')")
    assert site.text("page.py") == "(['a', 'b'], False)"


def test_removed_request_handler_is_missed(site: Site):
    site.handler("page.py", "'x'")
    assert site.text("page.py") == "x"
    site.write("page.py", "import httpdapi\n")
    site.log.expect("defines no class RequestHandler")
    site.log.expect("page.py]")
    assert site.get("page.py").status == 500


def test_broken_helper_and_recovery(site: Site):
    site.write("helper.py", "WORD = 'one'\n")
    site.handler("page.py", "helper.WORD + str(STAMP)", f"import helper\n{STAMP}")
    first = site.text("page.py")
    for broken in ("WORD = ", "raise RuntimeError('no')\n", "import no_such_module_here\n"):
        site.log.expect("page.py")
        site.write("helper.py", broken)
        assert site.get("page.py").status == 500
        assert site.get("page.py").status == 500
        site.write("helper.py", "WORD = 'one'\n")
        assert site.text("page.py").startswith("one")
    assert site.text("page.py") != first


def test_missing_helper_appears(site: Site):
    site.handler("page.py", "helper.WORD", "import helper")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500
    site.write("helper.py", "WORD = 'there'\n")
    assert site.text("page.py") == "there"


def test_failing_for_another_reason_is_tried_again(site: Site):
    """The cause of a failure may be no file at all: a database that is down."""
    flag = site.path / "flag"
    site.handler("page.py", "'up'", f"open({str(flag)!r}).close()")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500
    site.write("flag", "")
    wait_for("recovery", lambda: site.get("page.py").status == 200)


def test_no_bytecode_is_left_or_read(site: Site):
    site.path.chmod(0o777)
    site.write("helper.py", "WORD = 'x'\n")
    site.handler("page.py", "helper.WORD", "import helper")
    assert site.text("page.py") == "x"
    assert not (site.path / "__pycache__").exists()


def test_one_load_per_change_under_load():
    with running_server(processes=1, threads=16) as server:
        site = Site(server, "s")
        site.write("loads.txt", "", mode=0o666)
        before = (
            f"import helper\n{STAMP}\nimport time\ntime.sleep(.02)\n"
            "open('loads.txt', 'a').write('x')"
        )
        for n in range(4):
            site.write("helper.py", f"N = {n}\n")
            site.handler("page.py", "f'{helper.N} {STAMP}'", before)
            texts = set(at_once([lambda: site.text("page.py")] * 16))
            assert len(texts) == 1 and texts.pop().startswith(f"{n} ")
            assert (site.path / "loads.txt").read_text() == "x" * (n + 1)
        server.settle()
        server.log.check()


def test_requests_in_progress_finish_on_the_old_code(site: Site):
    site.write("helper.py", "WORD = 'old'\n")
    wait = "[self.pause(), helper.WORD + WORD][1]"
    pause = (
        "    def pause(self):\n"
        "        open('waiting', 'w').close()\n"
        "        while not os.path.exists('go'):\n"
        "            time.sleep(.01)\n"
    )
    site.path.chmod(0o777)
    site.handler("page.py", wait, "import helper, os, time\nWORD = 'old'", pause)
    slow: list[str] = []
    thread = threading.Thread(target=lambda: slow.append(site.text("page.py")))
    thread.start()
    wait_for("the slow request", (site.path / "waiting").exists)
    site.write("helper.py", "WORD = 'new'\n")
    site.handler("page.py", "helper.WORD + WORD", "import helper\nWORD = 'new'")
    assert site.text("page.py") == "newnew"
    site.write("page.py", "broken = (")
    site.log.expect("page.py")
    assert site.get("page.py").status == 500
    site.write("go", "")
    thread.join()
    assert slow == ["oldold"]


@pytest.mark.parametrize("edited", ["page.py", "helper.py"])
def test_edits_under_load_lose_no_request(edited: str):
    with running_server(processes=1, threads=8) as server:
        site = Site(server, "s")

        def edit(n: int) -> None:
            if edited == "page.py":
                site.handler("page.py", f"'{n}'")
            else:
                site.write("helper.py", f"N = {n}\n")

        site.handler("page.py", "str(helper.N)", "import helper")
        site.write("helper.py", "N = 0\n")
        edit(0)
        stop = threading.Event()
        seen: list[int] = []

        def ask() -> None:
            while not stop.is_set():
                seen.append(int(site.text("page.py")))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(1, 21):
            edit(n)
            wait_for("the edit", lambda n=n: n in seen[-20:])
        stop.set()
        for thread in threads:
            thread.join()
        assert site.text("page.py") == "20" and len(seen) > 40
        server.settle()
        server.log.check()


def test_shared_interpreter_keeps_two_index_py_apart(site: Site):
    """Decision 33: a module is known by its file."""
    a, b = site.sub("a"), site.sub("b")
    for each in (a, b):
        each.htaccess(f"PythonInterpreter {site.name}")
        each.handler("index.py", repr(each.name))
    for _ in range(3):
        assert [a.text("index.py"), b.text("index.py")] == [a.name, b.name]


def test_shared_interpreter_refuses_to_mix_helpers(site: Site):
    a, b = site.sub("a"), site.sub("b")
    for each in (a, b):
        each.htaccess(f"PythonInterpreter {site.name}")
        each.write("config.py", f"NAME = {each.name!r}\n")
        each.handler("page.py", "config.NAME", "import config")
    assert a.text("page.py") == a.name
    site.log.expect("b/page.py")
    assert b.get("page.py").status == 500
    site.log.expect("or rename one of the files")
    assert a.text("page.py") == a.name
