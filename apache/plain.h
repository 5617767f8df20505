/* TLSOrPlain On: a port of TLS takes requests without it as well. */
#ifndef HTTPDAPY_PLAIN_H
#define HTTPDAPY_PLAIN_H

void hdpy_plain_register(void);

#endif
