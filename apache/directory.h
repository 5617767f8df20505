/* The directory that a script runs in, and whether there is a script. */
#ifndef HTTPDAPY_DIRECTORY_H
#define HTTPDAPY_DIRECTORY_H

#include "httpd.h"

#include "settings.h"

/* The directory that this thread has entered for the request. */
typedef struct {
    const char *path; /* canonical; "" where the thread has no working directory of its own */
    int is_known;     /* which inode it is: all notice was taken when it was entered (notify.h) */
    dev_t device;
    ino_t inode;
} hdpy_entered;

/* In each child, before its threads run.  threaded: whether there will be several. */
void hdpy_directory_init(int threaded);

/* The canonical directory of the script, without entering it.  NULL with errno set. */
const char *hdpy_script_directory(request_rec *r);

/* Whether this thread has a working directory of its own; it gets one the first time.  Where the system
 * refuses that, nothing is entered. */
int hdpy_has_own_directory(request_rec *r);

/* Enter the script's directory and return its canonical path: what the kernel then calls the
 * working directory, for fewer system calls than realpath().  NULL with errno set. */
const char *hdpy_enter_directory(request_rec *r, hdpy_entered *entered);

/* Enter a directory that the configuration names; "" stays where it is.  As hdpy_enter_directory(). */
const char *hdpy_enter_named_directory(request_rec *r, const char *path, hdpy_entered *entered);

/* The file's name without directory and last extension: what interpreters/urls.py makes of it. */
const char *hdpy_module_name(apr_pool_t *p, const char *filename);

/* Whether a module can answer for a file that does not exist: name.py for /name and /name.html, or
 * a package for /package.name.  Asked here so that a scan for files that are not there makes no
 * interpreters.  Where other directories may hold the module, Python has to look. */
int hdpy_may_have_module(request_rec *r, const hdpy_dir_conf *conf, const char *directory);

#endif
