/* Where a request runs, and with what. */
#ifndef HTTPDAPY_TARGET_H
#define HTTPDAPY_TARGET_H

#include "httpd.h"

#include "settings.h"

/* Lives in the request's pool. */
typedef struct {
    const char *interpreter; /* its name, "" for the main one */
    const char *settings;    /* hdpy_settings_text() */
    const char *watch_key;   /* what the files of its module are watched under; see watch.h */
    const char *looked;      /* hdpy_watch_look() */
} hdpy_target;

/* In each child, before its threads run.  threads: worker threads of the child; single: whether all
 * directories share the main interpreter. */
void hdpy_target_init(unsigned threads, int single);

/* What is run in a canonical directory, "" for none; name: that of the module, "" if one answers for
 * all, of which the directory may have one.  OK, or a status with a line in the log. */
int hdpy_target_fill(hdpy_target *target, request_rec *r, const hdpy_dir_conf *conf,
                     const char *directory, const char *name);

#endif
