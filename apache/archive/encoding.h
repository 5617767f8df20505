/* Which content codings a client takes (RFC 9110, section 12.5.3). */
#ifndef HTTPDAPY_ENCODING_H
#define HTTPDAPY_ENCODING_H

/* Whether gzip is at least as welcome as none; NULL is a request without Accept-Encoding. */
int hdpy_prefers_gzip(const char *accept_encoding);

#endif
