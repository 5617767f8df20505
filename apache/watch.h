/* The files that handlers stand on besides their own: looked at here, in C and without the GIL. */
#ifndef HTTPDAPY_WATCH_H
#define HTTPDAPY_WATCH_H

#include "httpd.h"

#include "directory.h"

/* In each child, before its threads run. */
void hdpy_watch_init(apr_pool_t *p);

/* Watch the files that Python has named for `key`: "number path path ...", the paths in hexadecimal.
 * They replace those of before. */
void hdpy_watch_set(const char *key, const char *text);

/* How the files watched for `key` are now: "number hash", or "" if none are.  That it is the same as
 * before says that none has changed. */
const char *hdpy_watch_look(apr_pool_t *p, const char *key, hdpy_entered *entered);

#endif
