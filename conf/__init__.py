"""Templates of Apache configuration, ``*.conf.in``: string.Template with ${name}.

apache/config.py fills them in.  ``$${name}`` is left to Apache as ${name}.
"""
