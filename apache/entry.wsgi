"""The script that mod_wsgi runs in each interpreter, once; then its function for each request."""

import sys

from httpdapy import httpdapi
from httpdapy.interpreters.wsgi import Application
from mod_wsgi import application_group

sys.modules["httpdapi"] = httpdapi  # what `import httpdapi` gives, without a search

handle_request = Application(application_group)
