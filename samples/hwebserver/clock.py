"""A clock that ticks in the browser: server-sent events of a handler that awaits.
`python clock.py`, then http://127.0.0.1:8008/"""

import asyncio
import time

import hwebserver

PAGE = """<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Clock</title>
<style>body { font: 4rem monospace; text-align: center; margin-top: 4rem }</style>
<p id=time>--:--:--</p>
<script>
new EventSource("/ticks").onmessage = event => {
    document.getElementById("time").textContent = event.data;
};
</script>"""


@hwebserver.urlHandler("/")
def page(request):
    return hwebserver.Response(PAGE)


class Ticks(hwebserver.AsyncURLHandler):
    async def handle(self, request):
        response = hwebserver.Response(content_type="text/event-stream")
        response.setHeader("Cache-Control", "no-cache")
        request.sendHeaders(response)
        while True:  # until the client is gone, or the server ends
            request.sendBody(f"data: {time.strftime('%H:%M:%S')}\n\n")
            await asyncio.sleep(1)


hwebserver.insertHandlerForPort(Ticks("/ticks", methods=["GET"]))

if __name__ == "__main__":
    hwebserver.run(8008)
