/* AuthPythonModule: an AuthHandler in Python decides who may pass. */
#ifndef HTTPDAPY_AUTHENTICATION_H
#define HTTPDAPY_AUTHENTICATION_H

/* For register_hooks(). */
void hdpy_authentication_register(void);

#endif
