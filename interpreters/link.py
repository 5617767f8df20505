"""What crosses between Apache and Python, by name: the same names as in apache/link.h."""

HANDLER = "python-program"
RUN_HANDLER = "httpdapy-run"
NOTE_INTERPRETER = "httpdapy.interpreter"
NOTE_PROCESS = "httpdapy.process"
ENV_DIRECTORY = "httpdapy.directory"
ENV_OPTIONS = "httpdapy.options"
HEADER_DOCUMENT = "Httpdapy-Document"
