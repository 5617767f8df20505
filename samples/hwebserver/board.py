"""A board of notes: a page, and an API function that the page calls.

The sample site has it as a directory's module; `python board.py` serves it alone.
"""

import html

import hwebserver

PAGE = """<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Board</title>
<link rel=stylesheet href=/style.css>
<h1>Board</h1>
<ul>{notes}</ul>
<form><label>A note <input name=text></label> <button>Pin it</button></form>
<script>
document.forms[0].onsubmit = async event => {{
    event.preventDefault();
    const call = JSON.stringify(["board.pin", [], {{text: event.target.text.value}}]);
    await fetch("{base}/api", {{method: "POST", body: new URLSearchParams({{json: call}})}});
    location.reload();
}}
</script>
<p class=home><a href="/">All samples</a></p>"""

notes = ["buy milk"]


@hwebserver.urlHandler("/")
def page(request):
    items = "".join(f"<li>{html.escape(note)}" for note in notes)
    base = html.escape(request.path().rstrip("/"))
    return hwebserver.Response(PAGE.format(notes=items, base=base))


@hwebserver.apiFunction("board")
def pin(request, text):
    if not text.strip():
        raise hwebserver.APIError("an empty note")
    notes.append(text)
    return len(notes)


if __name__ == "__main__":
    hwebserver.run(8008)
