"""Hello and an echo by WebSocket: in the background, where handlers run in this process, or not."""

import sys
import threading

import hwebserver

port, processes, threads = map(int, sys.argv[1:4])
in_background = sys.argv[4] == "background"


@hwebserver.urlHandler("/plain")
def plain(request):
    return hwebserver.Response("Hello, World!\n")


@hwebserver.urlHandler("/hello")
async def hello(request):
    return hwebserver.Response("Hello, World!\n")


@hwebserver.webSocket("/echo")
class Echo(hwebserver.WebSocket):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data)


@hwebserver.urlHandler("/echo")
def answer(request):
    return hwebserver.Response("Hello, World!\n")


hwebserver.setSettingsForPort({"ADDRESS": "127.0.0.1"})
hwebserver.run(port, max_num_threads=threads, in_background=in_background)
if in_background:
    threading.Event().wait()
