/* An archive's file as it is between two changes: its directory, and its bytes for as long as
 * somebody sends them. */
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "large.h"

/* The kernel's clock for files goes in steps, of 10 ms at most (HZ=100): a change within the step
 * of another does not show. */
#define STEP_US 20000
/* A file from so far in the future has its times from another machine's clock. */
#define SKEW_US 1000000
#define TRIES 3

int64_t hdpy_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t microseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static hdpy_stamp stamp_of(const struct stat *file)
{
    return (hdpy_stamp){
        .device = file->st_dev,
        .inode = file->st_ino,
        .size = (uint64_t)file->st_size,
        .modified_us = microseconds(file->st_mtim),
        .changed_us = microseconds(file->st_ctim),
    };
}

int hdpy_stamp_get(hdpy_stamp *stamp, const char *path)
{
    struct stat file;

    if (stat(path, &file))
        return errno;
    *stamp = stamp_of(&file);
    return 0;
}

int hdpy_stamp_is_same(const hdpy_stamp *a, const hdpy_stamp *b)
{
    return a->inode == b->inode && a->changed_us == b->changed_us && a->size == b->size
        && a->modified_us == b->modified_us && a->device == b->device;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Whether the open file has the same bytes.  Its inode changes for other reasons, too: by being
 * renamed over. */
static int is_unchanged(const hdpy_version *version)
{
    struct stat file;

    return !fstat(version->fd, &file) && (uint64_t)file.st_size == version->stamp.size
        && microseconds(file.st_mtim) == version->stamp.modified_us;
}

static int read_file(int fd, unsigned char *data, size_t length, uint64_t offset)
{
    while (length) {
        ssize_t got = pread(fd, data, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (!got)
            return HDPY_CHANGED; /* it was longer */
        data += got;
        length -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

int hdpy_version_read(const hdpy_version *version, void *data, size_t length, uint64_t offset)
{
    int status;

    if (offset > version->stamp.size || length > version->stamp.size - offset)
        return EIO;
    if (version->copy) {
        memcpy(data, version->copy + offset, length);
        return 0;
    }
    status = read_file(version->fd, data, length, offset);
    return status ? status : is_unchanged(version) ? 0 : HDPY_CHANGED;
}

int hdpy_version_is_whole(const hdpy_version *version)
{
    return version->copy || is_unchanged(version);
}

int hdpy_version_is_new(const hdpy_version *version)
{
    int64_t age_us = hdpy_now_us() - version->stamp.changed_us;

    return age_us < HDPY_WRITTEN_US && age_us > -SKEW_US;
}

/* ---- its life ------------------------------------------------------------------------------ */

static int read_source(void *version, void *data, size_t length, uint64_t offset)
{
    int status = hdpy_version_read(version, data, length, offset);

    return status == HDPY_CHANGED ? ESTALE : status;
}

hdpy_version *hdpy_version_hold(hdpy_version *version)
{
    atomic_fetch_add_explicit(&version->references, 1, memory_order_relaxed);
    return version;
}

void hdpy_version_release(hdpy_version *version)
{
    if (atomic_fetch_sub_explicit(&version->references, 1, memory_order_acq_rel) != 1)
        return;
    hdpy_zip_free(version->zip);
    hdpy_large_free((void *)version->copy, (size_t)version->stamp.size);
    if (version->fd >= 0)
        close(version->fd);
    free(version);
}

static int copy_into_memory(hdpy_version *version)
{
    unsigned char *copy;
    int status;

    if (version->stamp.size > HDPY_COPIED_MAX)
        return 0;
    copy = hdpy_large_alloc((size_t)version->stamp.size);
    if (!copy)
        return ENOMEM;
    status = read_file(version->fd, copy, (size_t)version->stamp.size, 0);
    if (!status && !is_unchanged(version))
        status = HDPY_CHANGED;
    if (status) {
        hdpy_large_free(copy, (size_t)version->stamp.size);
        return status;
    }
    version->copy = copy;
    close(version->fd);
    version->fd = -1;
    return 0;
}

/* No change from now on leaves the stamp as it is, unless the file's clock is not ours. */
static int is_settled(const hdpy_stamp *stamp, int64_t now_us)
{
    int64_t age_us = now_us - stamp->changed_us;

    return age_us > STEP_US || age_us < -SKEW_US;
}

static int load_open(hdpy_version *version, hdpy_zip_error *error)
{
    struct stat file;
    int status;

    if (fstat(version->fd, &file))
        return errno;
    version->stamp = stamp_of(&file);
    version->is_settled = is_settled(&version->stamp, hdpy_now_us());
    if (!S_ISREG(file.st_mode)) {
        snprintf(error->text, sizeof(error->text), "is no file");
        return -1;
    }
    status = copy_into_memory(version);
    if (status)
        return status;
    version->source = (hdpy_zip_source){read_source, version, version->stamp.size};
    version->zip = hdpy_zip_read(&version->source, error);
    if (!hdpy_version_is_whole(version))
        return HDPY_CHANGED;
    return version->zip ? 0 : -1;
}

int hdpy_version_load(hdpy_version **version, const char *path, hdpy_stamp *stamp,
                      hdpy_zip_error *error)
{
    int status = HDPY_CHANGED;

    for (int i = 0; i < TRIES && status == HDPY_CHANGED; i++) {
        hdpy_version *found = calloc(1, sizeof(*found));

        if (!found)
            return ENOMEM;
        found->references = 1;
        found->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        status = found->fd < 0 ? errno : load_open(found, error);
        *stamp = found->stamp;
        if (!status)
            *version = found;
        else
            hdpy_version_release(found);
    }
    return status;
}
