/* Where a request runs, and with what. */
#ifndef HTTPDAPY_TARGET_H
#define HTTPDAPY_TARGET_H

/* Lives in the request's pool. */
typedef struct {
    const char *interpreter; /* its name, "" for the main one */
    const char *settings;    /* hdpy_settings_text() */
    const char *watch_key;   /* what the files of its module are watched under; see watch.h */
    const char *looked;      /* hdpy_watch_look() */
} hdpy_target;

#endif
