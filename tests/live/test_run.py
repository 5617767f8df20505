"""hwebserver.run(): a script that Apache answers for."""

from support.script import running_script

HELLO = """
import hwebserver

@hwebserver.urlHandler("/hello")
def hello(request):
    return hwebserver.Response("Hello")
"""


def test_a_script_is_served(tmp_site):
    with running_script(tmp_site, HELLO) as script:
        assert script.text("/hello") == "Hello"
