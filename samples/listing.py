"""The samples: what the front page links to, and the files that the viewer shows."""

from typing import NamedTuple


class Sample(NamedTuple):
    """A page of this site; all names start from the front page's directory."""

    title: str
    url: str
    text: str  # a line about it, HTML
    files: tuple[str, ...]


#: By the name that the viewer's URL has for it, as in source.py/hello.
SAMPLES = {
    "hello": Sample("Hello", "hello.py", "a page is what Content() returns", ("hello.py",)),
    "form": Sample(
        "Form", "form.py", "fields by GET and POST, and an uploaded file", ("form.py", "page.py")
    ),
    "redirect": Sample(
        "Redirect", "redirect.py", "self.redirect sends you elsewhere", ("redirect.py",)
    ),
    "print": Sample("Print", "print.py", "print() writes to your browser", ("print.py",)),
    "stream": Sample("Stream", "stream.py", "an iterator is sent as it comes", ("stream.py",)),
    "words": Sample(
        "Working directory",
        "words.py",
        "open() starts where the script is",
        ("words.py", "words.txt", "page.py"),
    ),
    "counter": Sample(
        "Counter",
        "counter/",
        "globals live on, in an interpreter of the directory's own",
        ("counter/index.py",),
    ),
    "authentication": Sample(
        "Authentication",
        "members/",
        "an AuthHandler lets you in: user <b>ali</b>, password <b>sesame</b>",
        ("members/.htaccess", "members/auth.py", "members/index.py"),
    ),
    "cgi": Sample(
        "CGI script",
        "cgi-bin/hello.cgi?name=Ada",
        "runs as it is, without a process of its own",
        ("cgi-bin/.htaccess", "cgi-bin/hello.cgi"),
    ),
    "publisher": Sample(
        "Publisher",
        "publisher/hello",
        "functions answer for URLs, by Zope (an extra)",
        ("publisher/.htaccess", "publisher/hello.py"),
    ),
    "hwebserver": Sample(
        "hwebserver",
        "hwebserver/board.py",
        "decorators say what answers; <code>python board.py</code> serves it alone, as "
        "<code>chat.py</code> and <code>clock.py</code> always are",
        (
            "hwebserver/board.py",
            "hwebserver/chat.py",
            "hwebserver/clock.py",
            "hwebserver/.htaccess",
        ),
    ),
    "status": Sample(
        "Status",
        "status.py?colour=red",
        "all that pb, rq and sn know, and the interpreter",
        ("status.py", ".htaccess", "page.py"),
    ),
    "broken": Sample(
        "Broken",
        "broken/",
        "an error with PythonOption debug 1",
        ("broken/.htaccess", "broken/index.py"),
    ),
    # has no link of its own
    "front": Sample(
        "Front page", "", "", ("index.py", "listing.py", "source.py", "page.py", "style.css")
    ),
}
