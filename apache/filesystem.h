/* What a file system can be relied on for. */
#ifndef HTTPDAPY_FILESYSTEM_H
#define HTTPDAPY_FILESYSTEM_H

/* Whether the file system of an open file is this machine's own: stat() is as good as open() there,
 * and inotify tells of every change.  Network file systems, and those of unknown kinds, are not. */
int hdpy_is_local(int fd);

#endif
