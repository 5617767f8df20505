"""Samples of WebSockets and server-sent events in a browser, in both ways of run()."""

import threading
from pathlib import Path

import pytest
from support.browser import Page
from support.programs import program
from support.script import Script, running_script
from support.site import wait_for

#: Nothing here depends on the way into Python.
ONE_WAY = True
LIVE = True

SAMPLES = Path(__file__).parents[2] / "samples/hwebserver"
_RUN = '\n\nif __name__ == "__main__":\n    hwebserver.run(8008)\n'
#: A page of the test's own beside the sample's, and where that leaves what it has found.
RESULT = '''
@hwebserver.urlHandler("/test")
def test(request):
    return hwebserver.Response(TEST)

@hwebserver.urlHandler("/test/result")
def result(request):
    print("result " + request.body().decode() + "\\n", end="", flush=True)
    return hwebserver.Response("")

TEST = """<!DOCTYPE html>%s
<script>
const until = async condition => {
    while (!condition()) await new Promise(again => setTimeout(again, 20));
};
const loaded = frame => new Promise(done => frame.onload = () => done(frame.contentDocument));
(async () => {
    try { return await (%s)(); } catch (error) { return `${error}`; }
})().then(found => fetch("/test/result", {method: "POST", body: found}));
</script>"""
'''
TALK = """async () => {
    const frames = [...document.querySelectorAll("iframe")];
    const [ada, bob] = await Promise.all(frames.map(loaded));
    const say = (page, text) => {
        page.forms[0].text.value = text;
        page.forms[0].requestSubmit();
    };
    const said = page => [...page.querySelectorAll("#said li")].map(item => item.textContent);
    await until(() => ada.getElementById("state").textContent === "here: ada, bob"
                   || ada.getElementById("state").textContent === "here: bob, ada");
    say(ada, "Hello, <b>Bob</b>!");
    await until(() => said(bob).length === 1);
    say(bob, "Hello, Ada \\u2603");
    await until(() => said(ada).length === 2 && said(bob).length === 2);
    return JSON.stringify([said(ada), said(bob)]);
}"""
TICK = """async () => {
    const clock = await loaded(document.querySelector("iframe"));
    const time = () => clock.getElementById("time").textContent;
    await until(() => /^[0-9:]{8}$/.test(time()));
    const first = time();
    await until(() => time() !== first);
    return "ticks";
}"""


def sample(name: str, frames: str, test: str) -> str:
    head, run, _ = (SAMPLES / name).read_text().partition(_RUN)
    assert run
    return head + RESULT % (frames, test.replace("\\", "\\\\"))


def found_in_browser(script: Script) -> str:
    page = Page(script.port)

    def wait() -> None:
        wait_for("the result", lambda: any(o.startswith("result ") for o in script.output), 35.0)
        page.results.put(next(o for o in script.output if o.startswith("result ")))

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        return page.result_in_browser(f"http://127.0.0.1:{script.port}/test").removeprefix(
            "result "
        )
    finally:
        thread.join()


@pytest.fixture(autouse=True)
def _browser():
    program("chromium")


def test_two_pages_talk(tmp_site):
    frames = "<iframe src=/ada></iframe><iframe src=/bob></iframe>"
    with running_script(tmp_site, sample("chat.py", frames, TALK)) as script:
        found = found_in_browser(script)
        said = '["ada: Hello, <b>Bob</b>!","bob: Hello, Ada ☃"]'
        assert found == f"[{said},{said}]"


def test_the_clock_ticks(tmp_site):
    source = sample("clock.py", "<iframe src=/></iframe>", TICK)
    with running_script(tmp_site, source) as script:
        assert found_in_browser(script) == "ticks"
