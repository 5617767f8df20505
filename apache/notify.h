/* Directories whose changes the kernel tells (inotify(7)), so that no one has to look for them, and the
 * mounts that it tells of as well.
 *
 * Those who keep directories hold the lock: for writing with take() and release(), for reading with
 * the others.
 */
#ifndef HTTPDAPY_NOTIFY_H
#define HTTPDAPY_NOTIFY_H

#include "httpd.h"

#include <stdint.h>

#include "directory.h"

typedef struct hdpy_directory hdpy_directory;

/* What of a directory is watched: that it stays what and where it is; or its files, too. */
typedef enum { HDPY_ITSELF, HDPY_ITS_FILES } hdpy_watched_part;

/* In each child, before its threads run. */
void hdpy_notify_init(apr_pool_t *p, server_rec *s);

void hdpy_notify_lock_to_read(void);
void hdpy_notify_lock_to_write(void);
void hdpy_notify_unlock(void);

/* Begin to watch a directory; NULL if it cannot be done: a network file system, a directory that may
 * not be listed, no inotify, too many watches. */
hdpy_directory *hdpy_notify_take(const char *path, hdpy_watched_part part);
void hdpy_notify_release(hdpy_directory *directory);

/* Whether a file of that name is one of Python's (*.py, and what stands for them), whose changes are
 * counted. */
int hdpy_notify_knows(const char *name);

/* Whether it is a name that stands for the handlers of a script that has called run(): there need be no
 * such file (conf/live.conf.in, conf/embedded.conf.in). */
int hdpy_notify_is_stand_in(const char *name);

/* Whether a file can only change with an event in its directory: it is no symbolic link, has no other
 * name, and is not mounted from elsewhere. */
int hdpy_notify_tells_of(const char *path);

/* Take notice of all that has happened so far. */
void hdpy_notify_catch_up(void);

/* Numbers that no earlier state had: of a directory's Python files, which something may be mounted
 * over, too; of itself and its .htaccess; and of the mounts.  0: the kernel does not tell. */
uint64_t hdpy_notify_python_files(const hdpy_directory *directory);
uint64_t hdpy_notify_settings(const hdpy_directory *directory);
uint64_t hdpy_notify_mounts(void);

/* Whether the directory is where it was, which may take a system call; `entered` may be it. */
int hdpy_notify_is_in_place(const hdpy_directory *directory, hdpy_entered *entered);

/* Enter the directory itself, whatever its path leads to; 0, or -1 with errno. */
int hdpy_notify_enter(const hdpy_directory *directory, hdpy_entered *entered);

#endif
