/* Directories whose changes the kernel tells (inotify(7)), so that no one has to look for them.
 *
 * The caller's lock keeps the directories: held for writing by take() and release(), for reading by
 * the others.
 */
#ifndef HTTPDAPY_NOTIFY_H
#define HTTPDAPY_NOTIFY_H

#include "httpd.h"

#include <stdint.h>

typedef struct hdpy_directory hdpy_directory;

/* In each child, before its threads run. */
void hdpy_notify_init(apr_pool_t *p);

/* Begin to watch a directory's Python files (*.py); NULL if it cannot be done: a network file
 * system, a directory that may not be listed, no inotify, too many watches. */
hdpy_directory *hdpy_notify_take(const char *path);
void hdpy_notify_release(hdpy_directory *directory);

/* Whether events of the file's name are taken notice of. */
int hdpy_notify_knows(const char *name);

/* Take notice of all that has happened so far. */
void hdpy_notify_catch_up(void);

/* Whether the directory is where it was, and watched: then *changed is a number that no state of its
 * Python files before the last change had.
 *
 * entered: the path by which this request has made it, or another, the thread's working directory. */
int hdpy_notify_look(const hdpy_directory *directory, const char *entered, uint64_t *changed);

#endif
