PAGE = """<!DOCTYPE html><title>Publisher</title><link rel=stylesheet href=/style.css>
<h1>Publisher</h1>
<p><a href="/publisher/hello/greet?name=Ada">greet(name)</a>,
<a href="/publisher/hello/add?a:int=2&amp;b:int=3">add(a, b)</a></p>
<p class=home><a href="/">All samples</a></p>"""


def index_html():
    """Where the module's own URL leads; a docstring publishes a function."""
    return PAGE


def greet(name="World"):
    """Takes its argument from the form, by name."""
    return f"Hello, {name}!"


def add(a, b):
    """Takes numbers, where the fields' names say so."""
    return f"{a} + {b} = {a + b}"
