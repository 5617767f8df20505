/* An archive's file as it is between two changes: its directory, and its bytes for as long as
 * somebody sends them.
 *
 * A file that is renamed over goes on existing for those who have it open.  One that is written
 * anew in place does not: a small archive is copied into memory, and of a large one every reading
 * finds out whether it is still the same.  From malloc(), since it outlives requests; no Apache in
 * here.
 */
#ifndef HTTPDAPY_VERSION_H
#define HTTPDAPY_VERSION_H

#include <stdatomic.h>
#include <stdint.h>

#include "zip.h"

/* Archives up to this size are copied into memory. */
#define HDPY_COPIED_MAX ((uint64_t)8 << 20)

/* A file that is wrong is being written, if its last change is not older. */
#define HDPY_WRITTEN_US 2000000

/* What hdpy_version_read() gives for a file that has changed; not an errno. */
#define HDPY_CHANGED (-2)

/* How a file looks. */
typedef struct {
    uint64_t device, inode, size;
    int64_t modified_us, changed_us; /* since 1970; the second one of its inode */
} hdpy_stamp;

typedef struct {
    _Atomic unsigned references;
    hdpy_stamp stamp;
    int is_settled;            /* no change after it can have left the stamp as it is */
    int fd;                    /* -1: it is in memory */
    const unsigned char *copy; /* NULL: it is not */
    hdpy_zip *zip;
    hdpy_zip_source source;    /* of this version's bytes */
} hdpy_version;

/* How the file of that path looks: 0 or an errno. */
int hdpy_stamp_get(hdpy_stamp *stamp, const char *path);
int hdpy_stamp_is_same(const hdpy_stamp *a, const hdpy_stamp *b);

/* Read the directory of a file: 0 with the version, of which the caller has a reference; an errno
 * of opening it; HDPY_CHANGED if it changed meanwhile; or -1 with the error.  *stamp is how the
 * file looked, where it could be opened. */
int hdpy_version_load(hdpy_version **version, const char *path, hdpy_stamp *stamp,
                      hdpy_zip_error *error);

hdpy_version *hdpy_version_hold(hdpy_version *version);
void hdpy_version_release(hdpy_version *version);

/* Bytes of the archive: 0, an errno, or HDPY_CHANGED. */
int hdpy_version_read(const hdpy_version *version, void *data, size_t length, uint64_t offset);

/* Whether its bytes can still be read. */
int hdpy_version_is_whole(const hdpy_version *version);

/* Whether the file has changed so lately that somebody may be writing it. */
int hdpy_version_is_new(const hdpy_version *version);

/* Microseconds since 1970. */
int64_t hdpy_now_us(void);

#endif
