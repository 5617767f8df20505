#!/usr/bin/env python3
import os
import sys
from html import escape
from urllib.parse import parse_qs

if os.environ["REQUEST_METHOD"] == "POST":
    query = sys.stdin.read(int(os.environ["CONTENT_LENGTH"]))
else:
    query = os.environ["QUERY_STRING"]
name = parse_qs(query).get("name", ["World"])[0]

print("Content-Type: text/html; charset=utf-8")
print()
print("<!DOCTYPE html><title>CGI</title><link rel=stylesheet href=/style.css>")
print(f"<h1>Hello, {escape(name)}!</h1>")
print("<form method=post><label>Your name <input name=name></label><button>Send</button></form>")
print('<p class=home><a href="/">All samples</a></p>')
