/* Directories whose changes the kernel tells.
 *
 * The kernel queues an event before the call returns that changes a file.  So who finds the queue
 * empty knows that all is as it was, with one system call for all directories.  What no event tells,
 * that another directory has taken the place of a watched one, because a directory above it or a
 * symbolic link has been renamed or something mounted over it, one stat() of the directory does.
 */
#include "notify.h"

#include "apr_thread_mutex.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filesystem.h"

#define EVENTS (IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_ONLYDIR)
#define EVENT_SIZE_MAX (sizeof(struct inotify_event) + NAME_MAX + 1)
#define UNWATCHED (-1)

struct hdpy_directory {
    hdpy_directory *next;
    unsigned references;
    dev_t device;
    ino_t inode;
    atomic_int watch; /* the kernel's number for it, the same for two paths to one directory */
    _Atomic uint64_t changed;
    char path[];
};

static int queue = -1;
static hdpy_directory *directories;
static _Atomic uint64_t changes; /* so far, of all directories: no number comes twice */
static apr_thread_mutex_t *reading;
static atomic_int is_reading;

static apr_status_t close_queue(void *unused)
{
    close(queue);
    queue = -1;
    return APR_SUCCESS;
}

void hdpy_notify_init(apr_pool_t *p)
{
    if (apr_thread_mutex_create(&reading, APR_THREAD_MUTEX_DEFAULT, p) != APR_SUCCESS)
        return;
    queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (queue >= 0)
        apr_pool_cleanup_register(p, NULL, close_queue, apr_pool_cleanup_null);
}

static int is_at(const hdpy_directory *directory, const struct stat *status)
{
    return status->st_ino == directory->inode && status->st_dev == directory->device;
}

static int is_on_local_system(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int is_local = fd >= 0 && hdpy_is_local(fd);

    if (fd >= 0)
        close(fd);
    return is_local;
}

static hdpy_directory *watch(const char *path, const struct stat *status)
{
    size_t size = strlen(path) + 1;
    hdpy_directory *directory = malloc(sizeof(*directory) + size);
    struct stat after;

    if (!directory)
        return NULL;
    memcpy(directory->path, path, size);
    directory->references = 0;
    directory->device = status->st_dev;
    directory->inode = status->st_ino;
    directory->changed = ++changes;
    directory->watch = inotify_add_watch(queue, path, EVENTS);
    directory->next = directories;
    directories = directory;
    /* that it is this directory that is watched, and not one that was put there meanwhile */
    if (directory->watch < 0 || stat(path, &after) != 0 || !is_at(directory, &after)) {
        hdpy_notify_release(directory);
        return NULL;
    }
    return directory;
}

hdpy_directory *hdpy_notify_take(const char *path)
{
    struct stat status;
    hdpy_directory *directory = directories;

    if (queue < 0 || stat(path, &status) != 0)
        return NULL;
    while (directory && (directory->watch == UNWATCHED || !is_at(directory, &status)
                         || strcmp(directory->path, path)))
        directory = directory->next;
    if (!directory && is_on_local_system(path))
        directory = watch(path, &status);
    if (directory)
        directory->references++;
    return directory;
}

void hdpy_notify_release(hdpy_directory *directory)
{
    hdpy_directory **place = &directories;
    int others = 0;

    if (directory->references && --directory->references)
        return;
    while (*place != directory)
        place = &(*place)->next;
    *place = directory->next;
    for (const hdpy_directory *other = directories; other; other = other->next)
        others += other->watch == directory->watch;
    if (directory->watch >= 0 && !others)
        inotify_rm_watch(queue, directory->watch);
    free(directory);
}

/* ---- events -------------------------------------------------------------------------------- */

int hdpy_notify_knows(const char *name)
{
    size_t length = strlen(name);

    return length > 3 && !strcmp(name + length - 3, ".py");
}

static void take_notice(const struct inotify_event *event)
{
    for (hdpy_directory *directory = directories; directory; directory = directory->next) {
        if (!(event->mask & IN_Q_OVERFLOW) && directory->watch != event->wd)
            continue;
        if (event->mask & IN_IGNORED) /* it has been deleted or unmounted */
            directory->watch = UNWATCHED;
        directory->changed = ++changes;
    }
}

static void read_queue(void)
{
    _Alignas(struct inotify_event) char events[16 * EVENT_SIZE_MAX];
    ssize_t size;

    do {
        size = read(queue, events, sizeof(events));
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);

            if (!event->len || hdpy_notify_knows(event->name))
                take_notice(event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    } while (size > (ssize_t)(sizeof(events) - EVENT_SIZE_MAX)); /* there may be more */
}

/* Nothing in the queue, and no one who has taken something from it and is not through. */
void hdpy_notify_catch_up(void)
{
    int waiting = 0;

    if (queue < 0 || (ioctl(queue, FIONREAD, &waiting) == 0 && !waiting && !is_reading))
        return;
    apr_thread_mutex_lock(reading);
    is_reading = 1;
    read_queue();
    is_reading = 0;
    apr_thread_mutex_unlock(reading);
}

int hdpy_notify_look(const hdpy_directory *directory, const char *entered, uint64_t *changed)
{
    struct stat status;
    int failed;

    *changed = directory->changed;
    if (directory->watch == UNWATCHED)
        return 0;
    failed = strcmp(directory->path, entered)
           ? stat(directory->path, &status)
           : fstatat(AT_FDCWD, "", &status, AT_EMPTY_PATH); /* a third of the time */
    return !failed && is_at(directory, &status);
}
