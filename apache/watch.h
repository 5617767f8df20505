/* The files that handlers stand on besides their own: looked at here, in C and without the GIL. */
#ifndef HTTPDAPY_WATCH_H
#define HTTPDAPY_WATCH_H

#include "httpd.h"

#include "directory.h"

/* In each child, before its threads run. */
void hdpy_watch_init(apr_pool_t *p);

/* The files of one handler, which Python may name later; lives as long as the process. */
typedef struct hdpy_watched hdpy_watched;

/* Those under a key; NULL: none were ever named. */
hdpy_watched *hdpy_watch_find(const char *key);

/* The same, with room for them if none were; under notify's lock for writing.  Not for keys that a
 * client can make up, of which there is no end. */
hdpy_watched *hdpy_watch_make(const char *key);

/* Watch the files that Python has named for `key`: "number path path ...", the paths in hexadecimal.
 * They replace those of before. */
void hdpy_watch_set(const char *key, const char *text);

/* How the files are now: "number hash", or "" if there are none.  That it is the same as before says
 * that none has changed.  watched: may be NULL. */
const char *hdpy_watch_look(apr_pool_t *p, const hdpy_watched *watched, hdpy_entered *entered);

#endif
