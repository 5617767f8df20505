/* Where a request runs, and with what. */
#ifndef HTTPDAPY_TARGET_H
#define HTTPDAPY_TARGET_H

#include "httpd.h"

#include <stdint.h>

#include "directory.h"
#include "settings.h"
#include "watch.h"

/* Lives in the request's pool, or that of a kept walk. */
typedef struct {
    const char *interpreter; /* its name, "" for the main one */
    const char *settings;    /* hdpy_settings_text() */
    const char *watch_key;   /* what the files of its module are watched under; see watch.h */
    hdpy_watched *watched;   /* they themselves, or NULL */
    const char *looked;      /* hdpy_watch_look() */
    uint64_t walk;           /* number of the kept walk that all of this but `looked` comes of; 0: none */
    struct hdpy_interpreter *_Atomic *registered; /* where that walk has the interpreter; or NULL */
} hdpy_target;

/* In each child, before its threads run.  threads: worker threads of the child; single: whether all
 * directories share the main interpreter. */
void hdpy_target_init(unsigned threads, int single);

/* How many replicas of its interpreter a directory has, and which one is this thread's, from 0. */
unsigned hdpy_target_replicas(const hdpy_dir_conf *conf);
unsigned hdpy_target_replica(const hdpy_dir_conf *conf);

/* Name of the module that answers for a file, "" if one answers for all of the directory. */
const char *hdpy_target_module(apr_pool_t *p, const char *filename, const hdpy_dir_conf *conf);

/* Fill in what has names.  directory: canonical, or "" for none; name: that of the module; replica:
 * from 0.  0, or -1 if the directory's path cannot be an interpreter's name. */
int hdpy_target_name(hdpy_target *target, apr_pool_t *p, const hdpy_dir_conf *conf,
                     const char *directory, const char *name, unsigned replica);

/* Fill in `looked`, by `watched`. */
void hdpy_target_look(hdpy_target *target, request_rec *r, hdpy_entered *entered);

/* All, for this thread.  OK, or a status with a line in the log. */
int hdpy_target_fill(hdpy_target *target, request_rec *r, const hdpy_dir_conf *conf,
                     const char *directory, const char *name, hdpy_entered *entered);

#endif
