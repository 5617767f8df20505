/* An archive that is served: the file of a path, as it is now. */
#ifndef HTTPDAPY_ARCHIVE_H
#define HTTPDAPY_ARCHIVE_H

#include "httpd.h"

#include "version.h"

/* How long a request waits for an archive that is being written, and how often it looks. */
#define HDPY_WAIT_US 15000000
#define HDPY_LOOK_US 2000

/* Lives in the configuration's pool; each child has its own, as it has of all memory. */
typedef struct hdpy_archive hdpy_archive;

hdpy_archive *hdpy_archive_new(apr_pool_t *p, const char *path);
const char *hdpy_archive_path(const hdpy_archive *archive);

/* When the server starts: log what is wrong with it, as it looks to the one who starts it. */
void hdpy_archive_check(const hdpy_archive *archive, server_rec *s);

/* When a child starts. */
void hdpy_archive_preload(hdpy_archive *archive);

/* The archive as it is now, of which the caller gets a reference: one stat, unless it has changed.
 * NULL where it cannot be served, which the log says. */
hdpy_version *hdpy_archive_get(hdpy_archive *archive, request_rec *r);

#endif
