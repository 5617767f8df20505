from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route


def plain(request):
    """On one of Starlette's threads, as a function that is not async."""
    return HTMLResponse("Hello, World!\n")


app = Starlette(routes=[Route("/plain", plain)])
