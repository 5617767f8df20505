"""A chat: pages that talk to one another by a WebSocket.  `python chat.py`, then
http://127.0.0.1:8008/ in two windows."""

import html
import json

import hwebserver

PAGE = """<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Chat</title>
<style>body { font: 1rem sans-serif; margin: 2rem } li { margin: .3rem 0 } b { color: #369 }</style>
<h1>Chat</h1>
<p id=state>connecting</p>
<ul id=said></ul>
<form><label><b>NAME</b>: <input name=text autocomplete=off></label> <button>Say it</button></form>
<script>
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/talk/NAME`);
const state = document.getElementById("state");
socket.onclose = event => state.textContent = `closed (${event.code})`;
socket.onmessage = event => {
    const {name, text, members} = JSON.parse(event.data);
    state.textContent = `here: ${members.join(", ")}`;
    if (text === undefined) return;
    const item = document.createElement("li");
    item.append(Object.assign(document.createElement("b"), {textContent: name}), `: ${text}`);
    document.getElementById("said").append(item);
};
document.forms[0].onsubmit = event => {
    event.preventDefault();
    socket.send(event.target.text.value);
    event.target.reset();
};
</script>"""

members = []


@hwebserver.urlHandler("/", is_prefix=True)
def page(request):
    name = request.path().strip("/") or f"guest{len(members) + 1}"
    return hwebserver.Response(PAGE.replace("NAME", html.escape(name)))


@hwebserver.webSocket("/talk", is_prefix=True)
class Member(hwebserver.WebSocket):
    async def connect(self, req):
        self.name = req.path().rpartition("/")[2]
        await self.accept()
        members.append(self)
        await tell()

    async def receive(self, text_data=None, bytes_data=None):
        await tell(name=self.name, text=text_data)

    async def disconnect(self, code):
        members.remove(self)
        await tell()


async def tell(**what):
    message = json.dumps({"members": [member.name for member in members], **what})
    for member in list(members):
        await member.send(message)


if __name__ == "__main__":
    hwebserver.run(8008)
