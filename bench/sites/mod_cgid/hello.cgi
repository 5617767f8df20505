#!/usr/bin/python3
print("Content-Type: text/html\n\nHello, World!")
