import sys

import hwebserver

port, processes, threads = map(int, sys.argv[1:4])


@hwebserver.urlHandler("/hello")
def hello(request):
    return hwebserver.Response("Hello, World!\n")


@hwebserver.apiFunction()
def echo(request, text):
    return text


hwebserver.registerStaticFilesDirectory("files")
hwebserver.setSettingsForPort({"ADDRESS": "127.0.0.1"})
hwebserver.run(port, max_num_threads=threads, processes=processes)
