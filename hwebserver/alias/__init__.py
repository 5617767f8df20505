"""What ``import hwebserver`` gives: httpdapy.hwebserver, the same module under both names."""

import sys

from httpdapy import hwebserver

sys.modules[__name__] = hwebserver
