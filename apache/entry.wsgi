"""The script that mod_wsgi runs in each interpreter, once; then its function for each request."""

import sys

from mod_wsgi import application_group

from httpdapy import httpdapi
from httpdapy.interpreters.application import Application

sys.modules["httpdapi"] = httpdapi  # what `import httpdapi` gives, without a search

handle_request = Application(application_group)
